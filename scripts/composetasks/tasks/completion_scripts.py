"""The scripts that shells run to complete the command line of `composetasks`, by the shell's name.
They pass all words up to the cursor unchanged; the last one is "" if it is still empty."""

from __future__ import annotations

from collections.abc import Mapping

BASH = r"""# Completes composetasks in bash: source this, for example in ~/.bashrc.
_composetasks() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        [[ $line == "$2"* ]] && COMPREPLY+=("$line")
    done < <(composetasks --complete -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
# File names where nothing else fits.
complete -o default -F _composetasks composetasks
"""
ZSH = r"""# Completes composetasks in zsh: source this, for example in ~/.zshrc.
_composetasks() {
    local -a found
    found=(${(f)"$(composetasks --complete -- "${(@)words[1,CURRENT]}" 2>/dev/null)"})
    # File names where nothing else fits.
    compadd -- $found || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _composetasks composetasks
"""
FISH = r"""# Completes composetasks in fish: source this, for example in ~/.config/fish/config.fish.
function __composetasks
    composetasks --complete -- (commandline -opc) "$(commandline -ct)" 2>/dev/null
end
# File names where nothing else fits.
complete --command composetasks --no-files --arguments '(__composetasks)'
"""
SCRIPTS: Mapping[str, str] = {"bash": BASH, "zsh": ZSH, "fish": FISH}
