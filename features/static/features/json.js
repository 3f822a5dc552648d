// Says under a text area, while one types, whether it is JSON. What it must be besides, the server says on saving.

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea[data-json]")) judge(event.target);
});
document.querySelectorAll("textarea[data-json]").forEach(judge);

function judge(area) {
  if (area.name.includes("__prefix__")) return;
  const complaint = complaintAbout(area.value);
  const line = lineOf(area);
  line.textContent = complaint || (area.value.trim() ? "Valid JSON" : "Empty is null");
  line.classList.toggle("ft-is-wrong", Boolean(complaint));
  area.setAttribute("aria-invalid", complaint ? "true" : "false");
}

function complaintAbout(text) {
  if (!text.trim()) return "";
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `Not JSON yet: ${error.message}`;
  }
}

function lineOf(area) {
  if (area.nextElementSibling?.matches(".ft-judgement")) return area.nextElementSibling;
  const line = document.createElement("p");
  line.className = "ft-judgement";
  line.id = `${area.id}-judgement`;
  line.setAttribute("aria-live", "polite");
  area.setAttribute("aria-describedby", line.id);
  area.after(line);
  return line;
}
