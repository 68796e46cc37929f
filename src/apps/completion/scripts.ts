/**
 * Completion scripts. All three walk the words before the cursor to the command they belong to, skip the values of options, and then offer what
 * may stand there. Nothing a shell would expand is ever handed to one: words are compared, not evaluated.
 */
import { allCommands, type CommandNode, type Offer, type OptionNode } from './tree.ts';

/** `=a b` a closed set, `@ids` words of a kind, `/` a directory, `.` a file, `?` anything. */
function code(offer: Offer): string {
  if (offer === 'directory') return '/';
  if (offer === 'file') return '.';
  if (offer === 'anything') return '?';
  return 'words' in offer ? `@${offer.words}` : `=${offer.choices.join(' ')}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const taking = (options: OptionNode[]) =>
  options.flatMap(({ names, value }) => (value === null ? [] : names.map((name) => [name, code(value)] as const)));

/** What bash and zsh have in common: `case` tables about the tree. `$1` is the command's path. */
function tables(tree: CommandNode): string {
  const all = allCommands(tree);
  const row = (pattern: string, words: string) => `    ${pattern}) printf '%s\\n' ${words} ;;`;
  const rows = (nodes: CommandNode[], of: (node: CommandNode) => string[]) =>
    nodes.flatMap((node) => (of(node).length === 0 ? [] : [row(quote(node.path), of(node).map(quote).join(' '))]));
  const below = all.filter((node) => node !== tree);
  return `# The commands below a command.
_pancode_commands() {
  case "$1" in
${rows(all, (node) => node.commands.map((child) => child.name)).join('\n')}
  esac
}

# The options of a command.
_pancode_options() {
  printf '%s\\n' ${tree.options
    .flatMap((option) => option.names)
    .map(quote)
    .join(' ')}
  case "$1" in
${rows(below, (node) => node.options.flatMap((option) => option.names)).join('\n')}
  esac
}

# What the option $2 takes; nothing where it takes none.
_pancode_value() {
  case "$1 $2" in
${below.flatMap((node) => taking(node.options).map(([name, what]) => row(quote(`${node.path} ${name}`), quote(what)))).join('\n')}
  esac
  case "$2" in
${taking(tree.options)
  .map(([name, what]) => row(quote(name), quote(what)))
  .join('\n')}
  esac
}

# What the argument number $2 is.
_pancode_argument() {
  case "$1 $2" in
${below
  .flatMap((node) =>
    node.args.map((offer, n) =>
      row(
        quote(`${node.path} ${n}`) + (node.variadic && n === node.args.length - 1 ? `|${quote(`${node.path} `)}*` : ''),
        quote(code(offer)),
      ),
    ),
  )
  .join('\n')}
  esac
}

# The path of the command the words belong to, then the number of its arguments so far, then the option that waits for a value.
_pancode_where() {
  local at='' count=0 waits='' word
  for word in "$@"; do
    if [[ -n $waits ]]; then waits=''; continue; fi
    if [[ $word == -* ]]; then
      [[ $word == *=* || -z $(_pancode_value "$at" "$word") ]] || waits=$word
    elif (( count == 0 )) && [[ $'\\n'$(_pancode_commands "$at")$'\\n' == *$'\\n'"$word"$'\\n'* ]]; then
      at="\${at:+$at }$word"
    else
      count=$((count + 1))
    fi
  done
  printf '%s\\n' "$at" "$count" "$waits"
}

# Everything that may stand after the words $3…; $1 is the program, $2 what is typed of it so far.
_pancode_offers() {
  local program=$1 current=$2 at count waits what
  shift 2
  { IFS= read -r at; IFS= read -r count; IFS= read -r waits; } < <(_pancode_where "$@")
  if [[ -n $waits ]]; then
    what=$(_pancode_value "$at" "$waits")
  elif [[ $current == -* ]]; then
    _pancode_options "$at"
    return
  else
    (( count > 0 )) || _pancode_commands "$at"
    what=$(_pancode_argument "$at" "$count")
  fi
  case "$what" in
    '='*) printf '%s\\n' "\${what#=}" | tr ' ' '\\n' ;;
    '@'*) "$program" completion-words "\${what#@}" 2>/dev/null ;;
    '/' | '.') printf '%s\\n' "$what" ;;
  esac
}
`;
}

export const bashScript = (tree: CommandNode): string => `# bash completion for pancode
${tables(tree)}
_pancode() {
  # The line itself: bash splits words at ":" and "=", which stand in names of models.
  local line=\${COMP_LINE:0:COMP_POINT} words current offer cut
  read -ra words <<< "$line"
  current=''
  [[ $line == *[[:space:]] ]] || { current=\${words[\${#words[@]} - 1]}; unset 'words[\${#words[@]} - 1]'; }
  cut=''
  [[ $COMP_WORDBREAKS == *:* && $current == *:* ]] && cut=\${current%"\${current##*:}"}
  COMPREPLY=()
  while IFS= read -r offer; do
    case "$offer" in
      /) compopt -o filenames 2>/dev/null; while IFS= read -r offer; do COMPREPLY+=("$offer"); done < <(compgen -d -- "$current") ;;
      .) compopt -o filenames 2>/dev/null; while IFS= read -r offer; do COMPREPLY+=("$offer"); done < <(compgen -f -- "$current") ;;
      "$current"*) COMPREPLY+=("\${offer#"$cut"}") ;;
    esac
  done < <(_pancode_offers "$1" "$current" "\${words[@]:1}")
}
complete -F _pancode pancode
`;

export const zshScript = (tree: CommandNode): string => `#compdef pancode
# zsh completion for pancode
${tables(tree)}
_pancode() {
  local -a offers
  local offer
  while IFS= read -r offer; do
    case "$offer" in
      /) _files -/ ;;
      .) _files ;;
      *) offers+=("$offer") ;;
    esac
  done < <(_pancode_offers "$words[1]" "$PREFIX" "\${(@)words[2,CURRENT-1]}")
  (( \${#offers} )) && compadd -- "\${offers[@]}"
}
compdef _pancode pancode
`;

export function fishScript(tree: CommandNode): string {
  const lines = allCommands(tree).flatMap((node) => {
    const here = node === tree ? [] : ['-n', quote(`__pancode_at ${quote(node.path)}`)];
    const start = ['complete', '-c', 'pancode', ...here].join(' ');
    const commands = node.commands.map(
      (child) =>
        `complete -c pancode -n ${quote(`__pancode_before ${quote(node.path)}`)} -a ${quote(child.name)} -d ${quote(child.description)}`,
    );
    const options = node.options.map(({ names, description, value }) => {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      return [start, ...flags, value === null ? '' : fishOffer(value), '-d', quote(description)]
        .filter(Boolean)
        .join(' ');
    });
    const args = node.args.map(
      (offer, n) =>
        `complete -c pancode -n ${quote(`__pancode_argument ${quote(node.path)} ${n}${node.variadic && n === node.args.length - 1 ? ' more' : ''}`)} ${fishOffer(offer).replace(/^-[rx]( |$)/, offer === 'file' ? '-F ' : '')}`,
    );
    return [...commands, ...options, ...args];
  });
  const values = allCommands(tree).flatMap((node) =>
    taking(node.options).map(([name]) => quote(node === tree ? name : `${node.path} ${name}`)),
  );
  return `# fish completion for pancode
# The path of the command the words belong to, then the number of its arguments so far.
function __pancode_where
    set -l at ''
    set -l count 0
    set -l skip 0
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            if contains -- $word ${values.join(' ')}; or contains -- "$at $word" ${values.join(' ')}
                set skip 1
            end
        else if test $count = 0; and contains -- (string trim -- "$at $word") ${allCommands(tree)
          .filter((node) => node !== tree)
          .map((node) => quote(node.path))
          .join(' ')}
            set at (string trim -- "$at $word")
        else
            set count (math $count + 1)
        end
    end
    printf '%s\\n' $at $count
end
function __pancode_at
    set -l where (__pancode_where)
    test "$where[1]" = "$argv[1]"
end
function __pancode_before
    set -l where (__pancode_where)
    test "$where[1]" = "$argv[1]" -a "$where[2]" = 0
end
function __pancode_argument
    set -l where (__pancode_where)
    test "$where[1]" = "$argv[1]"; or return 1
    test "$where[2]" = "$argv[2]"; or test "$argv[3]" = more -a "$where[2]" -ge "$argv[2]"
end
complete -c pancode -f
${lines.join('\n')}
`;
}

function fishOffer(offer: Offer): string {
  if (offer === 'file') return '-r';
  if (offer === 'directory') return `-x -a ${quote('(__fish_complete_directories)')}`;
  if (offer === 'anything') return '-x';
  const words = 'words' in offer ? `(pancode completion-words ${offer.words} 2>/dev/null)` : offer.choices.join(' ');
  return `-x -a ${quote(words)}`;
}
