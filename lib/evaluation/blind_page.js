const about = JSON.parse(document.getElementById("about").textContent), answers = [];
const screens = [...document.querySelectorAll("section")], framed = window.self !== window.top;
let at = -1, current = null;
const sounds = () => [...screens[at].querySelectorAll(".sound")];
const player = sound => sound.querySelector("audio");
function play(sound) {
  const place = current && screens[at].contains(current)
    ? player(current).currentTime % player(current).duration : 0;
  document.querySelectorAll("audio").forEach(other => other.pause());
  document.querySelectorAll(".sound").forEach(
    other => other.classList.toggle("current", other === sound));
  player(sound).currentTime = sound === current && player(sound).ended ? 0 : place;
  current = sound;
  player(sound).play();
}
function next() {
  document.querySelectorAll("audio").forEach(other => other.pause());
  if (at >= 0) screens[at].hidden = true;
  at += 1;
  current = null;
  document.querySelector("progress").value = at;
  if (at < screens.length) screens[at].hidden = false; else done();
}
function answer(word) {
  if (about.kind === "abx") answers.push(word);
  else {
    const sliders = [...screens[at].querySelectorAll("input")];
    if (sliders.some(slider => slider.dataset.moved !== "yes")) {
      document.getElementById("said").textContent = "Rate every sound first.";
      return;
    }
    answers.push(sliders.map(slider => Number(slider.value)));
  }
  document.getElementById("said").textContent = "";
  next();
}
function done() {
  const text = JSON.stringify(
    {...about, answers, listener: document.getElementById("listener").value});
  const end = document.getElementById("end");
  end.hidden = false;
  end.querySelector("textarea").value = text;
  const link = end.querySelector("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = `${about.kind}_answers.json`;
  link.hidden = framed;
  if (!framed) link.click();
}
screens.forEach(screen => {
  screen.querySelectorAll(".play").forEach(button =>
    button.addEventListener("click", () => play(button.closest(".sound"))));
  screen.querySelectorAll("[data-answer]").forEach(button =>
    button.addEventListener("click", () => answer(button.dataset.answer)));
  screen.querySelectorAll("input").forEach(slider => slider.addEventListener("input", () => {
    slider.dataset.moved = "yes";
    slider.nextElementSibling.value = slider.value;
  }));
});
document.addEventListener("keydown", event => {
  if (at < 0 || at >= screens.length || event.ctrlKey || event.altKey || event.metaKey
      || event.target.id === "listener") return;
  const letter = event.key.toUpperCase();
  const wanted = sounds().find(sound => sound.querySelector("kbd").textContent === letter);
  if (wanted) play(wanted);
  else if (event.key === " ") {
    if (current) player(current).paused ? player(current).play() : player(current).pause();
  }
  else if (about.kind === "abx" && "12".includes(event.key)) answer("ab"["12".indexOf(event.key)]);
  else if (about.kind === "rating" && event.key === "Enter") answer("next");
  else if (about.kind === "rating" && current && event.key.startsWith("Arrow")
           && current.querySelector("input")) {
    const slider = current.querySelector("input"), step = event.shiftKey ? 10 : 1;
    slider.value =
      Number(slider.value) + (["ArrowRight", "ArrowUp"].includes(event.key) ? step : -step);
    slider.dispatchEvent(new Event("input"));
  } else return;
  event.preventDefault();
});
document.getElementById("start").addEventListener("click", event => {
  event.target.closest("div").hidden = true;
  next();
});
