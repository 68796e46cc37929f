/** What the probe runs inside: tries what must not work, and what must. What it wrote is looked for on the host; the rest it says. */

/**
 * $1 file outside, $2 file in the project, $3 secret in HOME, $4 port of the canary, $5 port of the gateway, $6 $7 halves of the token in
 * the sibling's environment. Ends in a wait that only a kill ends.
 */
export const PROBE_SCRIPT = `
say() { printf '%s %s\\n' "$1" "$2"; }
( echo x > "$1" ) 2>/dev/null
( echo x > "$2" ) 2>/dev/null
if [ -e "$3" ]; then say secret visible; else say secret hidden; fi
if ( exec 8<>"/dev/tcp/127.0.0.1/$4" ) 2>/dev/null; then say canary reached; else say canary refused; fi
answer=
exec 8<>"/dev/tcp/127.0.0.1/$5" && read -r -u 8 answer; exec 8<&-
say gateway "$answer"
if grep -aqs -- "$6$7" /proc/[0-9]*/environ; then say sibling visible; else say sibling hidden; fi
if [ -e /proc/self/fd/9 ]; then say descriptor open; else say descriptor closed; fi
# On what is no terminal the answer is ENOTTY (25), but a filter answers first: EPERM (1).
if command -v perl >/dev/null; then say tiocsti "$(perl -e 'ioctl(STDIN, 0x5412, my $c = "x"); print $! + 0' </dev/null)"
elif command -v python3 >/dev/null; then say tiocsti "$(python3 -c '
import fcntl
try: fcntl.ioctl(0, 0x5412, b"x"); print(0)
except OSError as e: print(e.errno)' </dev/null)"
else
  filters=
  while read -r name value; do [ "$name" = Seccomp: ] && filters=$value; done < /proc/self/status
  say filter "$filters"
fi
say end end
read -r _ < <(sleep 600)
`;
