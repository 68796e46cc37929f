/** Text of the commit of a result, which the host knows too: it computes the commit's id itself. */
export const RESULT_MESSAGE = 'pancode: result';

/**
 * What runs inside the harvest sandbox: git with a directory of ours reads what the agent left behind. Nothing of the copy's own git
 * directory is read as configuration; from it come only candidate commit ids, by grep, and objects, by id, for a pack of their own.
 * $1 git, $2 the tree, $3 the output directory, $4 base, $5 the copy's object directory (quoted), $6 length of an id.
 * It waits for a line on standard input, the date of the commit, before it looks at anything.
 */
export const HARVEST_SCRIPT = `
set -u
umask 077
git=$1 tree=$2 out=$3 base=$4 theirs=$5 length=$6
export GIT_DIR="$out/git" GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$out/git/index"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 LC_ALL=C
IFS= read -r date || { echo "nobody asked for the harvest" >&2; exit 90; }
cd "$tree" && [ -d "$GIT_DIR" ] || { echo "the harvest sandbox lacks its directories" >&2; exit 90; }

stage() {
  "$git" ls-files -o -z --exclude-standard > "$out/untracked" || return 1
  # Names that end in a slash are repositories inside the tree: reported, never entered.
  : > "$out/embedded"; : > "$out/added"
  if [ -s "$out/untracked" ]; then
    grep -z '/$' "$out/untracked" > "$out/embedded"
    grep -zv '/$' "$out/untracked" > "$out/added"
  fi
  # add -u takes every file that is as new as the index for an edited one, and writes an object for it, as the borrowed ones cannot be touched:
  # that is every file of a checkout that took less than a second. Writing the index compares those files once (what differs cannot pass for
  # unchanged afterwards). Nothing in the copy changes any more, so with a time in the future the index may be newer than all of them.
  "$git" update-index -q --refresh --force-write-index --add --remove --replace -z --stdin < "$out/added" 2>> "$out/errors" || return 1
  touch -t 203601010000 "$GIT_INDEX_FILE" || return 1
  "$git" add -u --ignore-errors -- . 2>> "$out/errors"; added=$?
  # What could not be read stays as it was and is reported.
  : > "$out/unread"
  [ $added -eq 0 ] || "$git" diff-files --name-only -z --ignore-submodules=all > "$out/unread"
  # Names git refuses to store, such as a variant of .git.
  ! grep -q '^Ignoring path' "$out/errors" || "$git" ls-files -o -z --exclude-standard | grep -zv '/$' >> "$out/unread"
  return 0
}

# Commits the agent made. All of this may fail on what it wrote there: its tree is what counts.
find_commits() {
  [ -d "$tree/.git" ] && [ ! -L "$tree/.git" ] || return
  set --
  for name in HEAD ORIG_HEAD packed-refs refs logs; do
    [ -L "$tree/.git/$name" ] || set -- "$@" "$tree/.git/$name"
  done
  [ $# -gt 0 ] || return
  grep -rhoaE "(^|[^0-9a-f])[0-9a-f]{$length}([^0-9a-f]|$)" "$@" |
    grep -oE "[0-9a-f]{$length}" | sort -u | grep -v "^$base" | head -n 500 > "$out/candidates"
  [ -s "$out/candidates" ] || return
  export GIT_ALTERNATE_OBJECT_DIRECTORIES="$theirs"
  "$git" cat-file --batch-check='%(objecttype) %(objectname)' < "$out/candidates" | sed -n 's/^commit //p' > "$out/commits"
  "$git" rev-list --ignore-missing --stdin --not "$base" < "$out/commits" > "$out/new"
  "$git" rev-list --ignore-missing --stdin --parents --not "$base" < "$out/commits" | cut -s -d ' ' -f 2- | tr ' ' '\\n' | sort -u > "$out/parents"
  sort -u "$out/new" | comm -23 - "$out/parents" | head -n 50 > "$out/tips"
  [ -s "$out/tips" ] || return
  { cat "$out/tips" && printf '^%s\\n' "$base"; } | "$git" pack-objects -q --revs --thin --stdout > "$out/commits.part" &&
    mv "$out/commits.part" "$out/commits.pack"
}

# Nothing of ours outlives this script, however it ends.
end() { wait; exit "$1"; }

( find_commits ) > /dev/null 2>&1 &
"$git" rev-parse "$base^{tree}" > "$out/base" &
asked=$!
# Submodules of the base, in the form of update-index.
{ "$git" ls-tree -r -z "$base" | sed -zn 's/^160000 commit \\([0-9a-f]*\\)/160000 \\1 0/p' | sort -z > "$out/submodules"; } &
listed=$!
: > "$out/errors"
if ! stage; then
  # A damaged index, or attributes that git cannot follow: once more from the base, bytes as they are.
  rm -f "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"
  printf '* -text -eol -ident -filter -working-tree-encoding\\n' > "$GIT_DIR/info/attributes"
  # Of a sparse checkout the index alone knows which files were never there.
  if [ -f "$GIT_DIR/index.first" ]; then cp -p "$GIT_DIR/index.first" "$GIT_INDEX_FILE"; else "$git" read-tree "$base"; fi
  [ $? -eq 0 ] && stage || { tail -n 3 "$out/errors" >&2; end 91; }
fi
"$git" ls-files -o -i -z --exclude-standard --directory --no-empty-directory > "$out/ignored" 2>> "$out/errors" &

"$git" ls-files -s -z | sed -zn '/^160000 /p' | sort -z > "$out/links" &
looked=$!
# A partial clone need not have what nobody touched.
written=$("$git" write-tree --missing-ok) || end 92
wait $looked && wait $listed || end 92
if ! cmp -s "$out/links" "$out/submodules"; then
  # Tracked paths that became repositories, and submodules that became something else: reported, never entered. A submodule stays what it was.
  names='s/^160000 [^\\t]*\\t//'
  comm -z -23 "$out/links" "$out/submodules" | sed -z "$names" > "$out/strange"
  comm -z -13 "$out/links" "$out/submodules" | sed -z "$names" >> "$out/strange"
  cat "$out/strange" >> "$out/embedded"
  "$git" update-index --force-remove -z --stdin < "$out/strange" &&
    "$git" update-index -z --index-info < "$out/submodules" &&
    written=$("$git" write-tree --missing-ok) || end 92
fi
wait $asked && read -r base_tree < "$out/base" || end 92
if [ "$written" != "$base_tree" ]; then
  export GIT_AUTHOR_DATE="$date" GIT_COMMITTER_DATE="$date"
  commit=$("$git" commit-tree "$written" -p "$base" -m "${RESULT_MESSAGE}") || end 93
  printf '%s\\n^%s\\n' "$commit" "$base" | "$git" pack-objects -q --revs --thin --stdout > "$out/result.pack" || end 94
fi
printf '%s\\n' "$written" > "$out/tree" || end 95
end 0
`;
