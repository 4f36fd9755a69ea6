const items = [...document.querySelectorAll("section.item")].map(section => (
  {section, players: [...section.querySelectorAll("audio")], current: 0}));
let active = items[0];
function mark(item, current) {
  active = item;
  item.current = current;
  items.forEach(other => other.section.classList.toggle("active", other === item));
  item.players.forEach((p, i) => p.closest("tr").classList.toggle("current", i === current));
}
function change(item, next) {
  const old = item.players[item.current];
  if (item.players[next] !== old) old.pause();
  const at = old.ended ? 0 : old.currentTime;
  mark(item, next);
  if (item.players[next] !== old) item.players[next].currentTime = at;
  item.players[next].play();
}
items.forEach(item => {
  item.section.addEventListener("focusin", () => mark(item, item.current));
  item.section.addEventListener("pointerdown", () => mark(item, item.current));
  item.players.forEach((p, i) => {
    p.closest("tr").querySelector("kbd").addEventListener("click", () => change(item, i));
    p.addEventListener("play", () => {
      items.forEach(other => other.players.forEach(q => q === p || q.pause()));
      mark(item, i);
    });
  });
});
document.addEventListener("keydown", event => {
  if (!active || event.ctrlKey || event.altKey || event.metaKey) return;
  const player = active.players[active.current];
  if (active.players[event.key - 1]) change(active, event.key - 1);
  else if (event.key === " ") player.paused ? player.play() : player.pause();
  else return;
  event.preventDefault();
});
if (active) mark(active, 0);
