@{header}

# Dask Steward: this job holds a line to the process that wants it, and leaves by itself when that is gone.
steward_say() { echo "dask-steward: $*" >&2; }
steward_silent="no answer within 10 s"
# Opens a connection and closes it; why it cannot be opened is left in steward_why.
steward_reach() {
  steward_why=$(timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1) && return
  steward_code=$?
  steward_why=${steward_why##*: }
  if [ "$steward_code" -eq 124 ]; then steward_why=$steward_silent; fi
  return 1
}
steward_host=@{host} steward_port=@{port} steward_silence=@{silence}
steward_scheduler_host=@{scheduler_host} steward_scheduler_port=@{scheduler_port}
# A task of an array has the array's key and id with its own number behind.
steward_task=${@{task}:-}
steward_key="@{key}${steward_task:+.$steward_task}"
if [ -n "$steward_task" ]; then steward_job="${@{array_id}}_$steward_task"; else steward_job="${@{job_id}:-$$}"; fi
steward_node="${@{node}:-$(hostname)}"
steward_watch=
if steward_reach "$steward_host" "$steward_port" \
    && { exec 9<>"/dev/tcp/$steward_host/$steward_port"; } 2>/dev/null; then
  echo "hello @{tag} $steward_key $steward_job @{job_secret} $steward_node" >&9
  steward_why="what answers is not the keeper"
  if read -r -t 15 -u 9 steward_word; then
    if [ "$steward_word" = "@{keeper_secret}" ]; then steward_watch=line; fi
    if [ "$steward_word" = leave ]; then steward_say "this job is not wanted any more"; exit 0; fi
  fi
fi
steward_line_why=$steward_why
if [ -z "$steward_watch" ]; then exec 9>&-; fi
# A worker that cannot reach its scheduler would only find out after a minute, in words that name no way out.
# A thousand jobs that start together may overrun its port for a while: where the keeper lives, silence is no answer yet.
if [ "$steward_watch" = line ]; then steward_tries=3; else steward_tries=1; fi
while [ -n "$steward_scheduler_port" ] && ! steward_reach "$steward_scheduler_host" "$steward_scheduler_port"; do
  steward_tries=$((steward_tries - 1))
  if [ "$steward_tries" -gt 0 ] && [ "$steward_why" = "$steward_silent" ]; then continue; fi
  if [ -z "$steward_watch" ]; then
    steward_say "nobody answers on the line, $steward_host:$steward_port: $steward_line_why"
    steward_say "either nobody wants this job any more, or:"
  fi
  steward_say "unreachable: $steward_node ($(hostname -I 2>/dev/null)) cannot reach" \
    "$steward_scheduler_host:$steward_scheduler_port: $steward_why"
  exit @{unreachable}
done
if [ -z "$steward_watch" ]; then
  if [ -n "$steward_scheduler_port" ]; then
    steward_say "the line to $steward_host:$steward_port cannot be reached from here; watching the scheduler's port" \
      "$steward_scheduler_port instead ($steward_line_why)"
    steward_watch=port
  else
    # This job is the scheduler: it watches whether the keeper speaks to it. Here it is watched whether the one lives that
    # has started this script: YARN ends what a master has left behind only where that had not died by itself.
    steward_say "the line to $steward_host:$steward_port cannot be reached from here ($steward_line_why)"
    steward_watch=none
    steward_above() { sed -n 's/^PPid://p' "/proc/$$/status" 2>/dev/null; }
    steward_began=$(steward_above)
  fi
fi

steward_parent=@{parent}
steward_dir="$steward_parent/@{tag}.$steward_job"
steward_mark="DASK_STEWARD_JOB=@{tag}.$steward_job"
steward_worker=
# From here on a signal leaves nothing behind.
steward_end() {
  trap '' TERM INT HUP
  steward_worker=${steward_worker:-$!}  # the signal may have come before it was noted
  if [ -n "$steward_worker" ]; then
    disown "$steward_worker" 2>/dev/null  # else bash writes "Killed" and the whole command behind its last words
    kill -KILL -- "-$steward_worker" 2>/dev/null
  fi
  # What left the group (a daemon, a setsid) still carries the job's mark.
  for steward_file in $(grep -lzsFx -- "$steward_mark" /proc/[0-9]*/environ 2>/dev/null); do
    steward_pid=${steward_file#/proc/}
    kill -KILL "${steward_pid%/environ}" 2>/dev/null
  done
  rm -rf -- "$steward_dir"
}
trap 'steward_end; exit 143' TERM INT HUP

rm -rf -- "$steward_dir"  # of this job's life before, where the manager starts it again
if ! { mkdir -p "$steward_parent" && mkdir -m 700 "$steward_dir"; }; then
  steward_say "no local directory can be made in $steward_parent"
  exit 1
fi
# A job that is killed with all its processes at once cannot tidy up: the next one on its node does. A folder belongs to
# a job as long as the shell lives that wrote down host, boot, process namespace, process and its start in it.
steward_self() { echo "$(readlink /proc/self/ns/pid) $1 $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)"; }
steward_here="$(hostname) $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "$steward_here $(steward_self $$)" > "$steward_dir/.steward"
for steward_file in "$steward_parent"/dask-steward-*.*/.steward; do
  if [ ! -O "$steward_file" ]; then continue; fi
  read -r steward_name steward_boot steward_space steward_pid steward_start < "$steward_file" || continue
  if [ "$steward_name" != "${steward_here%% *}" ]; then continue; fi
  if [ "$steward_name $steward_boot" = "$steward_here" ]; then
    if [ "$steward_space" != "$(readlink /proc/self/ns/pid)" ]; then continue; fi
    if [ "$steward_space $steward_pid $steward_start" = "$(steward_self "$steward_pid")" ]; then continue; fi
  fi
  rm -rf -- "${steward_file%/.steward}"
done

# The worker runs in a process group of its own and does not inherit the line.
set -m
(
  exec 9>&-
  export "$steward_mark"
@{exports}
@{prologue}
@{command}
) &
steward_worker=$!
set +m

steward_watching() {
  if [ "$steward_watch" = line ]; then
    steward_cause=
    while [ -z "$steward_cause" ]; do
      read -r -t "$steward_silence" -u 9 steward_word || steward_cause=$?
      if [ "$steward_word" = leave ]; then steward_cause=leave; fi
    done
    if [ "$steward_cause" = leave ]; then steward_say "this job is given back"
    elif [ "$steward_cause" -gt 128 ]; then steward_say "no sign from the keeper for $steward_silence s; this job leaves"
    else steward_say "the keeper has gone; this job leaves"; fi
  elif [ "$steward_watch" = none ]; then
    while read -r -t 5 steward_word <> <(:); [ "$(steward_above)" = "$steward_began" ]; do :; done
    steward_say "who started this job has gone; this job leaves"
  else
    steward_missed=0
    while [ "$steward_missed" -lt 3 ]; do
      read -r -t 10 steward_word <> <(:)  # a pause that leaves no child behind
      if steward_reach "$steward_scheduler_host" "$steward_scheduler_port"; then steward_missed=0
      else steward_missed=$((steward_missed + 1)); fi
    done
    steward_say "the scheduler has gone; this job leaves"
  fi
  kill -KILL -- "-$steward_worker" 2>/dev/null
}
steward_watching &
steward_watcher=$!
disown "$steward_watcher"  # else bash writes "Killed" behind the worker's last words

wait "$steward_worker" 2>/dev/null
steward_code=$?
if [ "$steward_code" -gt 128 ] && kill -0 "$steward_watcher" 2>/dev/null; then
  steward_say "the worker was ended by signal $((steward_code - 128))"
fi
kill -KILL "$steward_watcher" 2>/dev/null
steward_end
exit "$steward_code"
