#!/usr/bin/env bash
# Work at risk: what a delete of this VM would lose, told by the VM itself. Only reads; runs no code of a repository.
#
# Given: DVM_NONCE, DVM_CODE_DIR (absolute). Runs as the ordinary user. Answers as dvmweb/answers.py says, kind "work":
#   identity NAME ID · looked ASKED RESOLVED · skipped ignored|loose NAME...
#   problem PLACE REASON                any one of these means "could not look", never "clean"
#   repository PATH KIND BRANCH         KIND worktree|submodule|linked|bare|gitdir; the facts that follow are its own:
#     conflicts|staged|unstaged|untracked|ignored|hidden COUNT NAME... · operation WORD · locked · stashes N
#     no-remote · local-remote NAME · unpushed N · commit ID SUBJECT · branch NAME N
#   loose COUNT BYTES NAME... · digest SHA256 (over all names, also those beyond the first) · end
# A fact that is not there is nought. Commits and stashes of linked work trees stand once, with one of them.
set -uf

readonly MOST_REPOSITORIES=${DVM_WORK_REPOSITORIES:-2000} MOST_NAMES=20 MOST_COMMITS=10000 MOST_SHOWN=10 MOST_LOOSE=100000 MOST_PROBLEMS=50
readonly NAME_BYTES=300 ANSWER_BYTES=${DVM_WORK_BYTES:-800000}
readonly CALL_SECONDS=${DVM_WORK_CALL_SECONDS:-20} ALL_SECONDS=${DVM_WORK_SECONDS:-50}
# Folders that tools make again: not work where git ignores them.
readonly REMADE=(node_modules bower_components .venv venv __pycache__ .cache .tox .nox .mypy_cache .pytest_cache
  .ruff_cache .hypothesis .gradle .next .nuxt .svelte-kit .turbo .parcel-cache .vite .angular .terraform
  .nyc_output target dist build out coverage htmlcov)
# Outside every repository only names that mean nothing else.
readonly REMADE_LOOSE=(node_modules .venv __pycache__ .mypy_cache .pytest_cache .ruff_cache .tox .nox)

# What the surroundings could change: a function named git, another git on PATH, GIT_DIR, the locale.
while read -r name; do unset -f "$name"; done < <(compgen -A function)
for name in "${!GIT_@}" "${!OMP_@}" CDPATH POSIXLY_CORRECT; do unset "$name"; done
PATH=${DVM_WORK_PATH:-/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin}
export PATH LC_ALL=C DVM_EMPTY='' DVM_FALSE=false
umask 077

# ---- words of the answer ----
told=0 # bytes said so far by this process

say() { # TAG FIELD... ; a record that cannot be written (disk full) ends the process, so it never counts as whole
  local field
  for field in "$@"; do told=$((told + ${#field} + 1)); done
  printf '%s\0%s\0' "$1" "$(($# - 1))" || exit 1
  shift
  (($# == 0)) || printf '%s\0' "$@" || exit 1
}

short() { # TEXT -> REPLY
  REPLY=$1
  ((${#REPLY} <= NAME_BYTES)) || REPLY=${REPLY:0:NAME_BYTES - 3}...
}

problem() { # PLACE REASON
  local place
  short "$1"
  place=$REPLY
  short "$2"
  say problem "$place" "$REPLY"
}

problems_in() { # PLACE FILE: what a program complained of, a line each
  local line count=0
  while IFS= read -r line && ((count++ < MOST_PROBLEMS)); do problem "$1" "$line"; done <"$2"
}

# ---- small questions ----
seconds_left() { # -> REPLY: for one call
  REPLY=$((ALL_SECONDS - SECONDS))
  ((REPLY < CALL_SECONDS)) || REPLY=$CALL_SECONDS
  ((REPLY > 0)) || REPLY=1
}

first_line() { # FILE -> REPLY: bounded, and never from a FIFO
  REPLY=
  [[ ! -f $1 || ! -r $1 ]] || IFS= read -r -n 4096 REPLY <"$1" || true
}

resolved() { # FOLDER -> REPLY: without links; empty when it leads nowhere
  REPLY=$(cd -P -- "$1" 2>/dev/null && pwd -P)
}

children_of() { # FOLDER -> children: all of them, hidden ones too
  shopt -s nullglob dotglob
  set +f
  children=("$1"/*)
  set -f
}

leaves_of() { # PATH -> leaves: whatever is no folder at or below it; links are not followed
  local child
  local -a children=()
  if [[ -d $1 && ! -L $1 ]]; then
    children_of "$1"
    for child in "${children[@]}"; do leaves_of "$child"; done
  elif [[ -e $1 || -L $1 ]]; then
    leaves+=("$1")
  fi
}

absolute() { # ./PATH or PATH -> REPLY
  REPLY=$1
  [[ $1 != . && $1 != ./* ]] || REPLY=$root${1#.}
}

is_git_dir() { [[ (-e $1/HEAD || -L $1/HEAD) && -d $1/objects && -d $1/refs ]]; }

# ---- finding repositories ----
paths=() kinds=() git_dirs=() common_dirs=() # side by side, an index is a repository
declare -A known=()  # git folders (resolved) in the list
declare -A teller=() # common git folder -> the index that tells its commits and stashes
declare -A tops=()   # folders that are looked at as a repository
declare -A above=()  # folders with such a folder somewhere below
declare -A seen=()   # names .git that were read
heads=()             # names HEAD: those of bare repositories, and others
stores=()            # folders that are a git folder themselves, so that git sees no files of its user in them

add() { # PATH KIND GIT_DIR
  local common=$3
  first_line "$3/commondir"
  if [[ $REPLY ]]; then
    [[ $REPLY == /* ]] || REPLY=$3/$REPLY
    resolved "$REPLY"
    common=${REPLY:-$3}
  fi
  [[ ${teller[$common]-} ]] || teller[$common]=${#paths[@]}
  known[$3]=1
  paths+=("$1") kinds+=("$2") git_dirs+=("$3") common_dirs+=("$common")
}

mark() { # PATH: it is looked at itself, and every folder above knows
  local path=$1
  tops[$path]=1
  while [[ $path == ?*/* ]]; do
    path=${path%/*}
    [[ ! ${above[$path]-} ]] || break
    above[$path]=1
  done
}

kind_of() { # .GIT GIT_DIR -> REPLY
  local answer
  REPLY=worktree
  if [[ -e $2/commondir ]]; then
    REPLY=linked
  elif [[ -f $1 && $2 == */modules/* ]]; then
    REPLY=submodule
  elif [[ ! -e $2/index ]]; then
    # A bare repository named by .git (for linked work trees beside it) has no files of its own. Whoever has an
    # index has files, whatever core.bare says.
    seconds_left
    answer=$(timeout -k 1 "$REPLY" git --git-dir="$2" --work-tree="$work/empty" config --bool core.bare 2>&1 </dev/null)
    REPLY=worktree
    [[ $answer != true ]] || REPLY=bare
  fi
}

add_work_tree() { # PATH/.git
  local top=${1%/.git} git_dir
  [[ ! ${seen[$1]-} ]] || return 0
  seen[$1]=1
  if [[ -d $1 && ! -L $1 ]]; then
    absolute "$1"
  else
    REPLY=$1
    [[ -d $1 ]] || first_line "$1"
    REPLY=${REPLY#gitdir: }
    [[ -d $1 || $REPLY == /* ]] || REPLY=$top/$REPLY
    resolved "$REPLY"
  fi
  git_dir=$REPLY
  [[ $git_dir ]] || { problem "$top" "its .git leads nowhere"; return; }
  kind_of "$1" "$git_dir"
  if [[ $REPLY == bare ]]; then mark "$1"; else mark "$top"; fi
  add "$top" "$REPLY" "$git_dir"
}

add_git_dir() { # PATH/HEAD of a bare repository, or of a submodule whose work tree may be gone
  local path=${1%/HEAD} kind=gitdir
  [[ ! ${tops[$path]-} ]] && is_git_dir "$path" || return 0
  if [[ $path != */.git/* ]]; then
    kind=bare
    mark "$path"
    stores+=("$path")
  fi
  absolute "$path"
  [[ ${known[$REPLY]-} ]] || add "$path" "$kind" "$REPLY"
}

add_linked() { # GIT_DIR: its work trees outside the code folder (`git worktree add ../x`) would be lost as well
  local child
  local -a children=()
  [[ -d $1/worktrees ]] || return 0
  [[ -r $1/worktrees && -x $1/worktrees ]] || { problem "$1/worktrees" "may not be read"; return; }
  children_of "$1/worktrees"
  for child in "${children[@]}"; do
    [[ ! ${known[$child]-} ]] || continue
    [[ -x $child && -r $child/gitdir && -r $child/HEAD ]] || { problem "$child" "may not be read"; continue; }
    first_line "$child/gitdir"
    [[ $REPLY == /*/.git && -f $REPLY ]] || continue
    resolved "${REPLY%/.git}"
    [[ ! $REPLY ]] || search "$REPLY"
  done
}

search() { # FOLDER: adds every work tree in it, collects `heads`; one around the code folder is not searched there again
  local entry
  local -a found=() again=()
  [[ $1 == . ]] || again=(-type d -samefile . -prune -o)
  seconds_left
  # Into .git only for submodules, and for references: git passes over a folder of them that it may not read.
  timeout -k 1 "$REPLY" find -P "$1" -ignore_readdir_race "${again[@]}" -name .git \( -type d -o -type f -o -type l \) -print0 \
    -o -path '*/.git/*' ! -path '*/.git/refs' ! -path '*/.git/refs/*' ! -path '*/.git/modules' ! -path '*/.git/modules/*' \
    ! -path '*/.git/worktrees' ! -path '*/.git/worktrees/*' -prune -o -name HEAD \( -type f -o -type l \) -print0 \
    >"$work/found" 2>"$work/found.err" || [[ -s $work/found.err ]] ||
    problem "$1" "not all folders could be searched in time"
  problems_in "$1" "$work/found.err"
  sort -z -o "$work/found" "$work/found" || problem "$1" "what was found could not be sorted"
  mapfile -d '' -t -n $((20 * MOST_REPOSITORIES)) found <"$work/found"
  for entry in "${found[@]}"; do # folders first: they tell the commits of their linked work trees
    [[ $entry != */.git || ! -d $entry ]] || add_work_tree "$entry"
  done
  for entry in "${found[@]}"; do [[ $entry != */.git || -d $entry ]] || add_work_tree "$entry"; done
  for entry in "${found[@]}"; do [[ $entry == */.git ]] || heads+=("$entry"); done
  ((${#found[@]} < 20 * MOST_REPOSITORIES)) || problem "$1" "there are too many repositories: the rest was not looked at"
}

find_repositories() {
  local linked=0 head=0
  search .
  while ((${#paths[@]} <= MOST_REPOSITORIES)); do
    # A git folder whose work tree was found, wherever it lies, is not one of its own.
    for (( ; linked < ${#git_dirs[@]}; linked++)); do add_linked "${git_dirs[linked]}"; done
    ((head < ${#heads[@]})) || break
    add_git_dir "${heads[head++]}"
  done
  ((${#paths[@]} <= MOST_REPOSITORIES)) ||
    problem "$DVM_CODE_DIR" "there are more than $MOST_REPOSITORIES repositories: the rest was not looked at"
}

# ---- files that belong to no repository ----
collect_loose() { # FOLDER -> starts: what lies in it beside repositories
  local child
  local -a children=()
  [[ ! ${tops[$1]-} ]] || return 0
  [[ ${above[$1]-} ]] || { starts+=("$1"); return; }
  children_of "$1"
  for child in "${children[@]}"; do
    if [[ -d $child && ! -L $child ]]; then
      [[ $child == */.git ]] || collect_loose "$child"
    elif [[ $child != */.git ]]; then # the .git file of a bare repository beside it
      starts+=("$child")
    fi
  done
}

list_loose() { # PLACE FILE: "SIZE PATH" of each file below `starts`
  local index name
  local -a prune=(-false)
  for name in "${REMADE_LOOSE[@]}"; do prune+=(-o -name "$name"); done
  : >"$2" && : >"$2.err" || exit 1
  for ((index = 0; index < ${#starts[@]}; index += 500)); do
    seconds_left
    timeout -k 1 "$REPLY" find -P "${starts[@]:index:500}" -ignore_readdir_race -type d \( "${prune[@]}" \) -prune \
      -o ! -type d -printf '%s %p\0' >>"$2" 2>>"$2.err" || [[ -s $2.err ]] ||
      problem "$1" "not all files could be listed in time"
  done
  problems_in "$1" "$2.err"
}

list_own_files() { # STORE FILE: appends "SIZE PATH" of each file in a git folder that git did not make
  local below made
  made='[A-Z_]*HEAD|config(\.worktree)?|description|packed-refs|shallow|index|gc\.(log|pid)|COMMIT_EDITMSG'
  made+='|hooks/[^/]*\.sample|info/(attributes|exclude|grafts|refs|sparse-checkout)|(logs|refs|reftable)/.*'
  made+='|(annex|lfs|modules|worktrees)/.*|objects/[0-9a-f]{2}/([0-9a-f]{38}|[0-9a-f]{62}|tmp_obj_[^/]*)'
  made+='|objects/info/(packs|(http-)?alternates|commit-graphs?(/.*)?)'
  made+='|objects/pack/(pack-[0-9a-f]+\.[a-z]+|multi-pack-index[^/]*|\.?tmp[-_][^/]*)'
  seconds_left
  (cd -P -- "$1" && timeout -k 1 "$REPLY" find -P . -ignore_readdir_race -regextype posix-extended \
    ! -type d ! -regex "\./($made)" -printf '%s %P\0') >"$work/own" 2>"$work/own.err" || [[ -s $work/own.err ]] ||
    problem "$1" "not all files could be listed in time"
  problems_in "$1" "$work/own.err"
  while IFS= read -r -d '' below; do
    printf '%s\0' "${below%% *} $1/${below#* }" || exit 1
  done <"$work/own" >>"$2"
}

tell_loose() {
  local entry bytes=0
  local -a starts=() entries=() names=()
  local -A kept=()
  collect_loose .
  list_loose "$DVM_CODE_DIR" "$work/loose"
  [[ ! -e $work/kept ]] || while IFS= read -r -d '' entry; do kept[$entry]=1; done <"$work/kept"
  for entry in "${stores[@]}"; do [[ ${kept[$entry]-} ]] || list_own_files "$entry" "$work/loose"; done
  mapfile -d '' -t -n "$MOST_LOOSE" entries <"$work/loose"
  for entry in "${entries[@]}"; do bytes=$((bytes + ${entry%% *})); done
  ((${#entries[@]} == 0)) || mapfile -d '' -t entries < <(printf '%s\0' "${entries[@]#* }" | sort -z)
  printf '%s\0' loose "${entries[@]}" >"$work/loose.facts" || exit 1
  for entry in "${entries[@]:0:MOST_NAMES}"; do
    short "${entry#./}"
    names+=("$REPLY")
  done
  say loose "${#entries[@]}" "$bytes" "${names[@]}"
}

# ---- one repository, in a process of its own ----
ask_git() { # ARGUMENT... : git's words into $mine.said; a failure or a complaint is a problem
  local code=0 line='' pid pipe
  seconds_left
  # A deadline without one more process: git holds the pipe open, so the end of git is the end of the pipe.
  git "${silent[@]}" "${place[@]}" "$@" 3>"$mine.pipe" >"$mine.said" 2>"$mine.err" </dev/null &
  pid=$!
  exec {pipe}<"$mine.pipe"
  read -r -t "$REPLY" -u "$pipe" line || code=$?
  exec {pipe}<&-
  ((code <= 128)) || kill -KILL "$pid"
  wait "$pid"
  code=$?
  [[ ! -s $mine.err ]] || IFS= read -r line <"$mine.err"
  case $code in
    0) [[ $line ]] || return 0 && problem "$path" "git $1: $line" ;;
    137) problem "$path" "git $1 gave no answer in time" ;;
    153) problem "$path" "git $1 gave too long an answer" ;; # 128 + SIGXFSZ, the ulimit
    *) problem "$path" "git $1: ${line:-it ended with code $code}" ;;
  esac
  return 1
}

read_plain_config() { # -> remotes; only of a file as git itself writes it, without a section that could do more
  local line section='' name='' key value
  local -a lines=()
  [[ -f $common/config && -r $common/config ]] || return 1
  mapfile -t -n 500 lines <"$common/config"
  ((${#lines[@]} < 500)) || return 1
  for line in "${lines[@]}"; do
    case $line in
      '[core]' | '[user]' | '[submodule]') section=${line//[\[\]]/} ;;
      '[branch "'*'"]' | '[submodule "'*'"]' | '[remote "'*'"]')
        section=${line%% *} section=${section#\[} name=${line#*\"} name=${name%\"]}
        [[ $name && $name != *[!A-Za-z0-9._/-]* ]] || return 1
        ;;
      $'\t'*' = '*)
        key=${line%% = *} key=${key#$'\t'} value=${line#* = }
        [[ $section && $key != *[!A-Za-z-]* && $value != *[\"\\\#\;[:cntrl:]]* && $value != *' ' ]] || return 1
        case $section.${key,,} in
          remote.vcs) return 1 ;;
          remote.url | remote.pushurl) remotes["/$name"]+=$value$'\n' ;;
        esac
        ;;
      *) return 1 ;;
    esac
  done
}

read_config() { # silences filters and hooks, collects remotes and rewritings of addresses
  local entry key value name
  local -a config=()
  ! read_plain_config || return 0
  remotes=()
  ask_git config -z --list || return
  mapfile -d '' -t config <"$mine.said"
  for entry in "${config[@]}"; do
    key=${entry%%$'\n'*} value=${entry#*$'\n'}
    [[ $entry == *$'\n'* ]] || value=
    name=${key#*.} name=${name%.*}
    case $key in
      filter.*.clean | filter.*.smudge | filter.*.process) silence "$key" DVM_EMPTY || return ;;
      filter.*.required) silence "$key" DVM_FALSE || return ;;
      hook.*.*) silence "hook.$name.enabled" DVM_FALSE || return ;;
      url.*.insteadof) rewrites+=("$value" "$name") ;;
      url.*.pushinsteadof) push_rewrites+=("$value" "$name") ;;
      remote.*.url | remote.*.pushurl) remotes["/$name"]+=$value$'\n' ;;
      remote.*.vcs) remotes["/$name"]+=$'helper::\n' ;;
    esac
  done
}

silence() { # KEY VARIABLE
  if ((git_version >= 231)); then
    silent+=("--config-env=$1=$2")
  elif [[ $1 != *=* ]]; then # `-c` ends the key at the first "="
    silent+=(-c "$1=${!2}")
  else
    problem "$path" "this git is too old to switch off the filter that is set up here"
    return 1
  fi
}

leads_away() { # ADDRESS: surely out of this VM. A path and a helper program do not, a number or an odd name may not.
  local host
  case $1 in
    http://* | https://* | ftp://* | ftps://*) host=${1#*://} host=${host%%[/?#\\]*} ;;
    ssh://* | git://* | git+ssh://* | ssh+git://*)
      host=${1#*://} host=${host%%/*}
      [[ $host != *%* ]] || return 1 # git decodes it before it looks for the host
      ;;
    *://* | *::*) return 1 ;;
    *:*) host=${1%%:*} ;;
    *) return 1 ;;
  esac
  host=${host##*@} host=${host%%:*} host=${host,,} host=${host%.}
  [[ $host == [a-z0-9]* && $host != *[!a-z0-9._-]* && ${host##*.} != [0-9]* ]] || return 1
  case $host in
    localhost | localhost.* | *.localhost | *.localdomain | *.local | *.internal | ip6-* | "${HOSTNAME,,}" | "${HOSTNAME,,}".*) return 1 ;;
  esac
  [[ $own_names != *" $host "* ]]
}

read_own_names() { # -> own_names: what /etc/hosts calls this VM
  local line file=${DVM_HOSTS_FILE:-/etc/hosts}
  local -a lines=() words=()
  own_names=' '
  [[ ! -f $file || ! -r $file ]] || mapfile -t -n 10000 lines <"$file"
  for line in "${lines[@]}"; do
    read -r -a words <<<"${line%%#*}"
    case ${words[0]-} in 127.* | 0.* | ::1 | ::) own_names+="${words[*],,} " ;; esac
  done
}

is_remote() { # ADDRESSES, a line each: all of them lead away, and so does whatever git might rewrite them to
  local address index is_rewritten
  while IFS= read -r address; do
    is_rewritten=
    for ((index = 0; index < ${#rewrites[@]}; index += 2)); do
      [[ $address == "${rewrites[index]}"* ]] || continue
      is_rewritten=1
      leads_away "${rewrites[index + 1]}${address#"${rewrites[index]}"}" || return 1
    done
    for ((index = 0; index < ${#push_rewrites[@]}; index += 2)); do
      [[ $address != "${push_rewrites[index]}"* ]] ||
        leads_away "${push_rewrites[index + 1]}${address#"${push_rewrites[index]}"}" || return 1
    done
    [[ $is_rewritten ]] || leads_away "$address" || return 1
  done <<<"${1%$'\n'}"
}

find_pointers() { # -> pointers: references of remotes that only lead to others, so that they say nothing of a push
  local leaf line
  local -a leaves=()
  leaves_of "$common/refs/remotes"
  for leaf in "${leaves[@]}"; do
    first_line "$leaf"
    [[ ! -L $leaf && $REPLY != ref:* ]] || pointers+=("${leaf#"$common/"}")
  done
  [[ -d $common/reftable ]] || return 0
  ask_git for-each-ref '--format=%(symref) %(refname)' refs/remotes || return
  while IFS= read -r line; do [[ $line == ' '* ]] || pointers+=("${line#* }"); done <"$mine.said"
}

find_references_elsewhere() { # -> ids: a work tree does not see the references that another has for itself
  local place leaf
  local -a children=() leaves=()
  [[ -d $common/worktrees ]] || return 0
  children_of "$common/worktrees"
  for place in "$common" "${children[@]}"; do
    [[ $place == "$git_dir" ]] || for leaf in bisect rewritten worktree; do leaves_of "$place/refs/$leaf"; done
  done
  for leaf in "${leaves[@]}"; do
    first_line "$leaf"
    [[ $REPLY =~ ^[0-9a-f]{40,64}$ ]] || { problem "$leaf" "a reference that is not understood"; return 1; }
    ids+=("$REPLY")
  done
}

choose_remotes() { # -> arguments: the references by which git knows what each remote has
  local name other
  local -a away=() locals=() pointers=()
  for name in "${!remotes[@]}"; do
    # A pattern in the name would take the references of others for its own.
    if [[ $name != *[\*\?\[\\]* ]] && is_remote "${remotes[$name]}"; then away+=("$name"); else locals+=("$name"); fi
  done
  ((${#away[@]} > 0)) || say no-remote
  for other in "${locals[@]:0:MOST_SHOWN}"; do
    short "${other#/}"
    say local-remote "$REPLY"
  done
  ((${#away[@]} <= 100 && ${#locals[@]} <= 100)) || { problem "$path" "there are more than 100 remotes"; return 1; }
  ((${#away[@]} == 0)) || find_pointers || return
  for name in "${away[@]}"; do
    for other in "${pointers[@]}"; do arguments+=("--exclude=$other" "--exclude=$other/*"); done
    for other in "${locals[@]}"; do
      [[ $other != "$name"/* ]] || arguments+=("--exclude=refs/remotes$other/*")
    done
    arguments+=("--glob=refs/remotes$name/*")
  done
}

tell_list() { # TAG NAME...
  local tag=$1 count=$(($# - 1)) name
  local -a names=()
  ((count > 0)) || return 0
  printf '%s\0' "$@" >>"$facts" || exit 1
  shift
  for name in "${@:1:MOST_NAMES}"; do
    short "$name"
    names+=("$REPLY")
  done
  say "$tag" "$count" "${names[@]}"
}

tell_repository() {
  local shown
  printf '%s\0' "$path" >>"$facts" || exit 1
  short "${path#./}"
  shown=$REPLY
  short "$branch"
  say repository "$shown" "$kind" "$REPLY"
}

is_told_elsewhere() { # FOLDER/ : holds nothing but repositories that are looked at themselves
  local folder=$path/${1%/}
  local -a starts=()
  [[ ! ${tops[$folder]-} ]] || return 0
  [[ ${above[$folder]-} ]] || return 1
  collect_loose "$folder"
  list_loose "$folder" "$mine.loose"
  [[ ! -s $mine.loose ]]
}

is_remade() { # NAME of something that git ignores
  # shellcheck disable=SC2053  # a pattern on purpose
  [[ /$1 == */$remade/* ]] || [[ -L $path/$1 && ${1##*/} == $remade ]]
}

after_fields() { # TEXT COUNT -> REPLY: what follows that many fields
  local count
  REPLY=$1
  for ((count = 0; count < $2; count++)); do REPLY=${REPLY#* }; done
}

read_status() { # -> branch and lists of files
  local entry fold=normal
  local -a status=()
  [[ ! ${above[$path]-} ]] || fold=all # a folded folder could hide files beside the repositories in it
  ask_git status --porcelain=v2 -z --branch --no-ahead-behind --no-renames --ignore-submodules=dirty \
    "--untracked-files=$fold" --ignored=matching || return
  mapfile -d '' -t status <"$mine.said"
  for entry in "${status[@]}"; do
    case $entry in
      '# branch.head '*) branch=${entry#'# branch.head '} ;;
      '# '*) ;;
      '? '*) [[ $entry == */ ]] && is_told_elsewhere "${entry:2}" || untracked+=("${entry:2}") ;;
      '! '*) is_remade "${entry:2}" || { [[ $entry == */ ]] && is_told_elsewhere "${entry:2}"; } || ignored+=("${entry:2}") ;;
      'u '*)
        after_fields "$entry" 10
        conflicts+=("$REPLY")
        ;;
      '1 '*)
        after_fields "$entry" 8
        [[ ${entry:2:1} == . ]] || staged+=("$REPLY")
        [[ ${entry:3:1} == . ]] || unstaged+=("$REPLY")
        ;;
      *) problem "$path" "git status: an answer that is not understood"; return 1 ;;
    esac
  done
  [[ $branch != '(detached)' ]] || branch=
}

read_index() { # -> hidden: files that git was told not to look at and that are there; untracked: what it passes over
  local entry
  local -a entries=()
  ask_git ls-files -v -s -z || return
  mapfile -d '' -t entries <"$mine.said"
  for entry in "${entries[@]}"; do
    [[ $entry != ?' 160000 '* ]] || read_left_over "${entry#*$'\t'}"
    [[ $entry != [HM]' '* ]] || continue
    entry=${entry#*$'\t'}
    [[ ! -e $path/$entry && ! -L $path/$entry ]] || hidden+=("$entry")
  done
}

read_left_over() { # NAME of a submodule: git says nothing of its folder's files once no repository is there
  local entry folder=$path/$1
  local -a starts=() entries=() children=()
  [[ -d $folder && ! -L $folder && ! -e $folder/.git && ! -L $folder/.git ]] || return 0
  children_of "$folder"
  ((${#children[@]} > 0)) || return 0
  collect_loose "$folder"
  list_loose "$folder" "$mine.loose"
  mapfile -d '' -t -n "$MOST_LOOSE" entries <"$mine.loose"
  for entry in "${entries[@]#* }"; do untracked+=("${entry#"$path/"}"); done
}

tell_files() {
  local -a conflicts=() staged=() unstaged=() untracked=() ignored=() hidden=()
  read_status || return
  read_index
  tell_repository
  tell_list conflicts "${conflicts[@]}"
  tell_list staged "${staged[@]}"
  tell_list unstaged "${unstaged[@]}"
  tell_list untracked "${untracked[@]}"
  tell_list ignored "${ignored[@]}"
  tell_list hidden "${hidden[@]}"
}

tell_operation() {
  local word=
  if [[ -e $git_dir/rebase-apply/applying ]]; then
    word=am
  elif [[ -e $git_dir/rebase-apply || -e $git_dir/rebase-merge ]]; then
    word=rebase
  elif [[ -e $git_dir/MERGE_HEAD || -e $git_dir/MERGE_AUTOSTASH ]]; then
    word=merge
  elif [[ -e $git_dir/CHERRY_PICK_HEAD ]]; then
    word=cherry-pick
  elif [[ -e $git_dir/REVERT_HEAD ]]; then
    word=revert
  elif [[ -e $git_dir/sequencer ]]; then # between two of many, the heads are gone
    first_line "$git_dir/sequencer/todo"
    [[ $REPLY == revert* ]] && word=revert || word=cherry-pick
  elif [[ -e $git_dir/BISECT_LOG ]]; then
    word=bisect
  fi
  [[ ! $word ]] || say operation "$word"
  [[ ! -e $git_dir/index.lock ]] || say locked
}

tell_stashes() {
  local count packed=
  local -a lines=()
  if [[ -d $common/reftable ]]; then
    seconds_left
    count=$(timeout -k 1 "$REPLY" git "${silent[@]}" "${place[@]}" rev-list -g --count refs/stash -- 2>/dev/null </dev/null)
  else
    [[ ! -f $common/logs/refs/stash || ! -r $common/logs/refs/stash ]] ||
      mapfile -t -n "$MOST_COMMITS" lines <"$common/logs/refs/stash"
    count=${#lines[@]}
    if ((count == 0)); then # a stash whose log is lost is still a stash
      [[ ! -f $common/packed-refs || ! -r $common/packed-refs ]] || IFS= read -r -d '' packed <"$common/packed-refs"
      [[ ! -e $common/refs/stash && $packed != *' refs/stash'$'\n'* ]] || count=1
    fi
  fi
  ((${count:-0} == 0)) || { say stashes "$count" && printf '%s\0' stashes "$count" >>"$facts" || exit 1; }
}

tell_commits() {
  local index count name
  local -a arguments=() fields=() ids=()
  local -A branches=()
  choose_remotes && find_references_elsewhere || return
  # %S is the reference that leads to a commit: each commit is counted once. Tags are mostly others' and come back
  # by a fetch; refs/prefetch is a copy of the remote made by `git maintenance`.
  ask_git log --no-show-signature --no-decorate --no-notes --no-mailmap --no-color -s \
    "--max-count=$((MOST_COMMITS + 1))" '--format=tformat:%H%x00%S%x00%s%x00' '--exclude=refs/tags/*' \
    '--exclude=refs/remotes/*' '--exclude=refs/prefetch/*' --exclude=refs/stash --all "${ids[@]}" --not "${arguments[@]}" || return
  ids=()
  mapfile -d '' -t fields <"$mine.said"
  count=$((${#fields[@]} / 3))
  ((count > 0)) || return 0
  for ((index = 0; index < 3 * count; index += 3)); do
    ids+=("${fields[index]#$'\n'}")
    name=/${fields[index + 1]#refs/heads/}
    branches[$name]=$((${branches[$name]:-0} + 1))
  done
  printf '%s\0' unpushed "${ids[@]}" >>"$facts" || exit 1
  say unpushed "$count"
  for ((index = 0; index < count && index < MOST_SHOWN; index++)); do
    short "${fields[3 * index + 2]}"
    say commit "${ids[index]:0:12}" "$REPLY"
  done
  fields=("${!branches[@]}")
  ((${#fields[@]} == 1)) || mapfile -d '' -t fields < <(printf '%s\0' "${fields[@]}" | sort -z)
  for name in "${fields[@]:0:MOST_NAMES}"; do
    short "${name#/}"
    say branch "$REPLY" "${branches[$name]}"
  done
}

is_kept_by_parent() { # a bare repository of which the repository around it tracks all files (test data)
  local parent=$path below
  local -a place=()
  while [[ $parent == ?*/* ]]; do
    parent=${parent%/*}
    [[ ${tops[$parent]-} && -e $parent/.git ]] || continue
    place=(-C "$parent" --git-dir=.git --work-tree=. --literal-pathspecs)
    below=${path#"$parent"/}
    ask_git ls-files -- "$below/HEAD" && [[ -s $mine.said ]] || return
    ask_git ls-files --others -- "$below" && [[ ! -s $mine.said ]] || return
    printf '%s\0' "$path" >>"$work/kept" || exit 1
    return 0
  done
  return 1
}

look_inside() {
  if [[ $kind == bare || $kind == gitdir ]]; then
    place=(--git-dir="$git_dir" --work-tree="$work/empty")
    [[ $kind != bare ]] || ! is_kept_by_parent || return 0
    first_line "$git_dir/HEAD"
    [[ $REPLY != 'ref: refs/heads/'* ]] || branch=${REPLY#'ref: refs/heads/'}
    read_config || return 0
    tell_repository
  else
    place=(-C "$path" --git-dir="$git_dir" --work-tree=.)
    read_config && tell_files || return 0
    tell_operation
  fi
  ((${teller[$common]} != index)) || { tell_stashes && tell_commits; }
}

look_at() { # INDEX
  local index=$1 path=${paths[$1]} kind=${kinds[$1]} git_dir=${git_dirs[$1]} common=${common_dirs[$1]} branch='' facts=$work/$1.facts
  local -a place=() silent=("${always[@]}") rewrites=("${user_rewrites[@]}") push_rewrites=("${user_push_rewrites[@]}")
  local -A remotes=()
  told=0
  : >"$facts"
  if ((SECONDS < ALL_SECONDS)); then look_inside; else problem "$path" "not looked at: no time was left"; fi
  printf '%s\n' "$told" >"$work/$1.done"
}

look_at_some() { # SLOT: takes one repository after the other, as long as there are any that nobody took
  local index mine=$work/slot$1
  ulimit -f 65536 # KiB: whatever git says, it does not fill the disk
  mkfifo -- "$mine.pipe" || exit 1
  for ((index = 0; index < last; index++)); do
    set -C # now ">" makes a file or fails
    if { : >"$work/$index.taken"; } 2>/dev/null; then
      set +C
      look_at "$index" >"$work/$index.out"
    fi
    set +C
  done
}

look_at_all() {
  local index slot jobs bytes last=${#paths[@]}
  local -a whole=()
  ((last <= MOST_REPOSITORIES)) || last=$MOST_REPOSITORIES
  jobs=$(nproc)
  for ((slot = 0; slot < ${jobs:-2} && slot < last; slot++)); do look_at_some "$slot" 2>>"$work/log" & done
  wait
  for ((index = 0; index < last; index++)); do # records of different repositories never mix
    bytes=
    [[ ! -s $work/$index.done ]] || read -r bytes <"$work/$index.done"
    if [[ ! $bytes ]]; then
      problem "${paths[index]}" "the look at it broke off"
    elif ((told + bytes > ANSWER_BYTES)); then
      problem "$DVM_CODE_DIR" "the report is too long: some repositories are left out"
      break
    else
      whole+=("$work/$index.out")
      told=$((told + bytes))
    fi
  done
  ((${#whole[@]} == 0)) || printf '%s\0' "${whole[@]}" | xargs -0 cat -- || exit 1
}

# ---- the look ----
tell_digest() {
  local index sum
  sum=$(for ((index = 0; index < ${#paths[@]} && index < MOST_REPOSITORIES; index++)); do
    printf '%s\0' "$work/$index.facts"
  done | xargs -0 -r cat -- "$work/loose.facts" | sha256sum) || problem "$DVM_CODE_DIR" "no checksum could be made"
  say digest "${sum%% *}"
}

tell_identity() {
  local name='' id='' file=${DVM_IDENTITY_FILE:-/etc/dvm/identity}
  [[ ! -f $file || ! -r $file ]] || read -r -n 300 name id <"$file"
  say identity "$name" "$id"
}

read_global_rewrites() { # the only user's settings that matter: what git would make of an address
  local scope entry key code
  for scope in --system --global; do
    timeout -k 1 "$CALL_SECONDS" git config "$scope" --includes -z --get-regexp '^url\..*\.(push)?insteadof$' \
      >"$work/rewrites" 2>/dev/null </dev/null
    code=$?
    ((code <= 1)) || { [[ $scope == --system ]] || problem "git" "the user's git settings could not be read"; continue; }
    while IFS= read -r -d '' entry; do
      key=${entry%%$'\n'*} key=${key#url.}
      case $key in
        *.insteadof) user_rewrites+=("${entry#*$'\n'}" "${key%.*}") ;;
        *) user_push_rewrites+=("${entry#*$'\n'}" "${key%.*}") ;;
      esac
    done <"$work/rewrites"
  done
}

prepare_git() { # -> always: what every call of git is given, so that no setting of a repository runs or hides anything
  local version major minor
  git_version=0 user_rewrites=() user_push_rewrites=() always=(--no-pager)
  type -P git >/dev/null || { problem git "git is not installed"; return 1; }
  version=$(timeout -k 1 "$CALL_SECONDS" git version </dev/null 2>/dev/null)
  [[ $version =~ ^git\ version\ ([0-9]{1,3})\.([0-9]{1,3}) ]] || { problem git "git does not run"; return 1; }
  major=$((10#${BASH_REMATCH[1]})) minor=$((10#${BASH_REMATCH[2]}))
  git_version=$((100 * major + minor))
  ((git_version >= 225)) || { problem git "git is older than 2.25"; return 1; }
  read_global_rewrites
  read_own_names
  export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 GIT_ADVICE=0 \
    GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 GIT_NO_REPLACE_OBJECTS=1 GIT_PAGER=cat \
    GIT_GRAFT_FILE="$work/none" HOME="$work/empty" XDG_CONFIG_HOME="$work/empty" # git below 2.32 knows no GIT_CONFIG_GLOBAL
  local setting
  for setting in safe.directory='*' core.fsmonitor=false core.hooksPath=/dev/null core.untrackedCache=false \
    core.checkStat=default core.trustctime=true core.ignoreStat=false core.fileMode=true core.symlinks=true \
    core.ignoreCase=false core.safecrlf=false core.commitGraph=false core.warnAmbiguousRefs=false \
    sparse.expectFilesOutsideOfPatterns=false log.showSignature=false; do
    always+=(-c "$setting")
  done
}

main() {
  printf -v remade '|%s' "${REMADE[@]}"
  remade="@(${remade#|})"
  ulimit -f 262144 # KiB, as below
  printf 'dvm-answer\0work\0001\0%s\0' "$DVM_NONCE"
  tell_identity
  if ((EUID == 0)) && [[ ${DVM_WORK_AS_ROOT-} != 1 ]]; then
    problem "$DVM_CODE_DIR" "this must not run as root"
  elif [[ $DVM_CODE_DIR != /* ]] || ! cd -P -- "$DVM_CODE_DIR" 2>/dev/null; then
    problem "$DVM_CODE_DIR" "there is no such folder, or it may not be entered"
  elif ! work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d 2>/dev/null) || ! mkdir "$work/empty"; then
    problem "$DVM_CODE_DIR" "there is no room for a temporary folder"
  else
    trap 'rm -rf -- "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    root=$PWD
    say looked "$DVM_CODE_DIR" "$root"
    root=${root%/}
    say skipped ignored "${REMADE[@]}"
    say skipped loose "${REMADE_LOOSE[@]}"
    prepare_git && has_git=1 || has_git=
    find_repositories
    [[ ! $has_git ]] || look_at_all
    tell_loose
    [[ ! $has_git ]] || tell_digest
  fi
  say end "$DVM_NONCE"
}

main
