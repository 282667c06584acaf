// The page fetches itself and takes the new main; without this it reloads.
const every = 5, most = 60;
const fresh = document.getElementById("fresh");
const lost = document.getElementById("lost");
const pause = document.getElementById("pause");
let taken = Date.now(), wait = every, timer, busy = false, paused = false;

const path = (e) => e && e.id ? "#" + CSS.escape(e.id) : "";

function swap(main, next) {
	const open = [...main.querySelectorAll("details[open][id]")].map(path);
	const moved = [...main.querySelectorAll(".scroll[id]")].map(
		(e) => [path(e), e.scrollLeft, e.scrollTop]);
	const focus = main.contains(document.activeElement) ?
		path(document.activeElement) : "";
	main.replaceWith(document.adoptNode(next));
	open.forEach((p) => document.querySelector(p)?.setAttribute("open", ""));
	moved.forEach(([p, left, top]) =>
		document.querySelector(p)?.scrollTo(left, top));
	if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
}

function selecting(main) {
	const s = getSelection();
	return s && !s.isCollapsed && main.contains(s.anchorNode);
}

async function look() {
	const main = document.querySelector("main"), begun = Date.now();
	if (busy || paused || document.hidden || selecting(main)) return plan();
	busy = true;
	try {
		const r = await fetch(location.href, {
			cache: "no-store", signal: AbortSignal.timeout(20000) });
		if (!r.ok) throw new Error("status " + r.status);
		// the head's style is another page's: the policy refuses it
		const text = await r.text();
		const next = new DOMParser().parseFromString(
			text.slice(text.lastIndexOf("<main")), "text/html")
			.querySelector("main");
		if (!next) throw new Error("no page");
		if (!paused && !selecting(main)) swap(main, next);
		taken = Date.now();
		// a slow server is asked more seldom
		wait = Math.min(most, Math.max(every, (taken - begun) / 100));
		lost.textContent = "";
	} catch (e) {
		wait = Math.min(most, wait * 2);
		lost.textContent = "Connection lost";
	}
	busy = false;
	tell();
	plan();
}

function plan() {
	clearTimeout(timer);
	if (!paused && !document.hidden) timer = setTimeout(look, wait * 1000);
}

function tell() {
	const s = Math.round((Date.now() - taken) / 1000);
	fresh.textContent = paused ? "Paused" : s < 2 ? "Updated just now" :
		s < 120 ? `Updated ${s} s ago` :
		`Updated ${Math.round(s / 60)} min ago`;
}

pause.hidden = false;
pause.addEventListener("click", () => {
	paused = !paused;
	pause.setAttribute("aria-pressed", String(paused));
	pause.textContent = paused ? "Resume" : "Pause";
	tell();
	if (paused) clearTimeout(timer); else look();
});
document.addEventListener("visibilitychange", () => {
	if (document.hidden) clearTimeout(timer); else look();
});
setInterval(tell, 1000);
tell();
plan();
