(function () {
  "use strict";
  // Everything here is a convenience: the page is complete without it.
  var root = document.documentElement;
  function one(selector) { return document.querySelector(selector); }
  function each(selector, act, inside) { Array.prototype.forEach.call((inside || document).querySelectorAll(selector), act); }
  root.classList.add("js");

  var theme = one("#theme"), kept = null;
  try { kept = localStorage.getItem("duolog-theme"); } catch (error) { kept = null; }
  if (kept === "dark" || kept === "light") { root.classList.add(kept); }
  function isDark() {
    if (root.classList.contains("dark")) { return true; }
    return !root.classList.contains("light") && matchMedia("(prefers-color-scheme:dark)").matches;
  }
  function label() { theme.textContent = isDark() ? "Light" : "Dark"; }
  label();
  theme.addEventListener("click", function () {
    var to = isDark() ? "light" : "dark";
    root.classList.remove("light", "dark"); root.classList.add(to); label();
    try { localStorage.setItem("duolog-theme", to); } catch (error) { kept = to; }
  });

  // A link into something folded opens it.
  function go() {
    var target = document.getElementById(location.hash.slice(1));
    if (!target) { return; }
    for (var at = target; at; at = at.parentElement) { if (at.tagName === "DETAILS") { at.open = true; } }
    target.scrollIntoView({ block: target.matches("li") ? "center" : "start" });
  }
  addEventListener("hashchange", go); go();

  // In the list of messages, n and p go to the next and the previous mark.
  each(".msgs", function (list) {
    list.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== "n" && event.key !== "p")) { return; }
      var marks = [], to = null;
      each(".phase", function (mark) { marks.push(mark); }, list);
      if (event.key === "p") { marks.reverse(); }
      marks.forEach(function (mark) {
        var top = mark.getBoundingClientRect().top;
        if (!to && (event.key === "n" ? top > 40 : top < -4)) { to = mark; }
      });
      if (to) { to.scrollIntoView({ block: "start" }); }
      event.stopPropagation();
    });
  });

  var find = one("#find"), only = one("#only"), count = one("#count");
  function sift() {
    var words = find.value.trim().toLowerCase(), n = 0;
    each(".dlg", function (dialogue) {
      var hidden = (only.checked && dialogue.dataset.ok === "1") || (words && dialogue.textContent.toLowerCase().indexOf(words) < 0);
      dialogue.hidden = hidden; n += hidden ? 0 : 1;
    });
    if (words) { each(".rest", function (rest) { rest.open = true; }); }
    count.textContent = n + " shown";
  }
  if (find) { find.addEventListener("input", sift); only.addEventListener("change", sift); sift(); }

  addEventListener("beforeprint", function () {
    each(".said > details:not([open])", function (long) { long.open = true; long.dataset.shut = "1"; });
  });
  addEventListener("afterprint", function () {
    each("[data-shut]", function (long) { long.open = false; long.removeAttribute("data-shut"); });
  });
})();
