#!/bin/sh
# Three example pictures through the command line, run from the repository root: the tables here; overlays, pages
# and JSON lines in the folder given as the first argument (demo/ without one). Needs the light core only.
set -eu
out=${1:-demo}
mkdir -p "$out"
rm -f "$out"/*.png "$out"/*.html "$out"/people.jsonl

# One line a picture of examples/people.json: its name, its path, its boxes as --box options, and what to look for.
pictures() {
    python -c '
import json, pathlib
for entry in json.loads(pathlib.Path("examples/people.json").read_text("utf-8"))["pictures"]:
    boxes = " ".join("--box " + ",".join(f"{c:g}" for c in person["box"]) for person in entry["people"])
    print(entry["file"].rpartition(".")[0], "examples/" + entry["file"], boxes, entry["note"], sep="|")'
}

pictures > "$out/pictures.txt"
while IFS='|' read -r name picture boxes note; do
    printf '\n%s\n$ emoscene analyze %s %s --reason\n\n' "$note" "$picture" "$boxes"
    IFS=' '  # $boxes is several words on purpose
    emoscene analyze "$picture" $boxes --model embedded --reason --save "$out/$name.png" < /dev/null
    emoscene analyze "$picture" $boxes --model embedded --reason --save "$out/$name.html" --json \
        < /dev/null >> "$out/people.jsonl"
done < "$out/pictures.txt"
rm "$out/pictures.txt"

cat << END

Written to $out/: an overlay (.png) and a page (.html) for each picture, and all answers in people.jsonl.

These pictures are drawn, and the model that ships knows drawn scenes only; it refuses photographs.
Try next, after: . .venv-demo/bin/activate
  emoscene analyze examples/birthday.png                      the whole picture as the person
  emoscene analyze YOUR_PHOTO.jpg --box X1,Y1,X2,Y2           see how it says that it cannot know
  emoscene models list                                        models for photographs, and what they need
  emoscene scenes make --people 20 --seed 7 --out my-scenes   draw more scenes
Read on in docs/getting-started.md, and docs/responsible-use.md before pointing it at people.
END
