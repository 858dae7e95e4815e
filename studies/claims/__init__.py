"""Which of the paper's claims C1 to C9 do our numbers support? Scores enter, a table leaves."""
