// What the theme leaves out for those who use the keyboard or hear the page.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".caption[role=heading]").forEach((each) => each.setAttribute("aria-level", "2"));
  document.querySelectorAll("pre, .table-wrapper, table.dataframe").forEach((each) => { each.tabIndex = 0; });
});
