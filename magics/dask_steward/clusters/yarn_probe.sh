# Dask Steward: this application looks whether containers reach the machine that wants clusters, and says it there.
steward_said=
steward_open=
steward_try() {  # name host port
  if steward_why=$(timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1); then
    steward_word=
    if { exec 9<>"/dev/tcp/$2/$3"; } 2>/dev/null; then
      echo "@{secret} hello $NM_HOST" >&9
      read -r -t 10 -u 9 steward_word
      exec 9>&-
    fi
    if [ "$steward_word" = "@{word}" ]; then
      steward_said="${steward_said}@{secret} $1 reached"$'\n'
      if [ -z "$steward_open" ]; then steward_open="/dev/tcp/$2/$3"; fi
      return
    fi
    steward_why="something else answers there"
  elif [ $? -eq 124 ]; then
    steward_why="no answer within 10 s"
  fi
  # A name that is not known is bash's first line; the second only says that it is no file.
  steward_why=${steward_why%%$'\n'*}
  steward_said="${steward_said}@{secret} $1 ${steward_why##*: }"$'\n'
}
@{tries}
steward_said="${steward_said}@{secret} end $NM_HOST"
echo "$steward_said" | sed 's/^[^ ]* /steward-probe /'
if [ -n "$steward_open" ]; then
  { exec 9<>"$steward_open"; } 2>/dev/null && echo "$steward_said" >&9
  # Whoever asked ends this application; and where nobody is left to, the connection ends here.
  while read -r -t @{rest} -u 9 steward_word; do :; done
else
  read -r -t @{rest} <> <(:)
  exit @{unreachable}
fi
