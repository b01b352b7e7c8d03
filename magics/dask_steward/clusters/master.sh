# Dask Steward: the application holds a line to the process that wants it, and ends with all its containers when that is
# gone.
steward_say() { echo "dask-steward: $*" >&2; }
# What this script ends with where it finds nobody. Before it has ever held the line a firewall may be the cause, and the
# status tells that; afterwards nobody wants the application any more, and YARN must not start its master once more.
steward_nobody=@{unreachable}
# A line that was cut may have been cut by the network: who wants this application answers at once when called again.
while :; do
  if ! timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' @{host} @{port}; then
    if [ "$steward_nobody" -eq 0 ]; then
      steward_say "who wanted this application is gone"
    else
      steward_say "unreachable: $NM_HOST ($(hostname -I 2>/dev/null)) cannot reach the line at" @{host}:@{port}
    fi
    exit "$steward_nobody"
  fi
  if ! { exec 9<>"/dev/tcp/"@{host}"/"@{port}; } 2>/dev/null; then exit "$steward_nobody"; fi
  echo "hello @{tag} @{key} $SKEIN_APPLICATION_ID @{job_secret} $NM_HOST" >&9
  if ! read -r -t 15 -u 9 steward_word; then
    steward_say "nobody answers on the line"
    exit "$steward_nobody"
  fi
  if [ "$steward_word" = leave ]; then
    steward_say "this application is not wanted any more"
    exit 0
  fi
  if [ "$steward_word" != "@{keeper_secret}" ]; then
    steward_say "what answers on the line is not the keeper"
    exit "$steward_nobody"
  fi
  steward_nobody=0
  while read -r -t @{silence} -u 9 steward_word; do
    if [ "$steward_word" = leave ]; then
      steward_say "this application is given back"
      exit 0
    fi
  done
  exec 9>&-
done
