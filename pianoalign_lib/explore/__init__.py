"""What notebook 7 shows: the corpora's predictions note by note, and notes loosened by sliders.

Recordings, true notes and stored predictions enter; widgets leave, which need ipywidgets and a
front end (there is a picture for where none is). May import all rooms.
"""
