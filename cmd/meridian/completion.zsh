#compdef meridian
# zsh completion for meridian; the program itself knows its commands and flags.
_meridian() {
  local -a words_before found
  words_before=("${(@)words[1,CURRENT-1]}")
  [[ ${words[CURRENT]} == -* ]] && words_before+=("${words[CURRENT]}")
  found=("${(@f)$("${(@)words_before}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n ${found[1]} ]]; then _describe 'meridian' found; else _files; fi
}
compdef _meridian meridian
