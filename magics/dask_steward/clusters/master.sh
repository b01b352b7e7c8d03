# Dask Steward: the application holds a line to the process that wants it, and ends with all its containers when that is
# gone.
steward_say() { echo "dask-steward: $*" >&2; }
steward_met=
# A line that was cut may have been cut by the network: who wants this application answers at once when called again.
while :; do
  timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' @{host} @{port}
  steward_code=$?
  if [ "$steward_code" -ne 0 ]; then
    if [ -n "$steward_met" ] && [ "$steward_code" -ne 124 ]; then
      # It was there and is gone. An end in failure would have YARN start another master, for some seconds more.
      steward_say "who wanted this application is gone"
      exit 0
    fi
    steward_say "unreachable: $NM_HOST ($(hostname -I 2>/dev/null)) cannot reach the line at" @{host}:@{port}
    # Nobody is there any more, or a firewall lets no container through: the status tells the keeper which.
    exit @{unreachable}
  fi
  if ! { exec 9<>"/dev/tcp/"@{host}"/"@{port}; } 2>/dev/null; then exit @{unreachable}; fi
  echo "hello @{tag} @{key} $SKEIN_APPLICATION_ID @{job_secret} $NM_HOST" >&9
  if ! read -r -t 15 -u 9 steward_word; then
    steward_say "nobody answers on the line"
    exit @{unreachable}
  fi
  if [ "$steward_word" = leave ]; then
    steward_say "this application is not wanted any more"
    exit 0
  fi
  if [ "$steward_word" != "@{keeper_secret}" ]; then
    steward_say "what answers on the line is not the keeper"
    exit @{unreachable}
  fi
  steward_met=yes
  while read -r -t @{silence} -u 9 steward_word; do
    if [ "$steward_word" = leave ]; then
      steward_say "this application is given back"
      exit 0
    fi
  done
  exec 9>&-
done
