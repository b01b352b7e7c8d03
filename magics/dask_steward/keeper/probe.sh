@{header}

# Dask Steward asks a node how it reaches the machine that clusters are started on, and what scratch it has.
steward_word=@{word} steward_port=@{port}
echo "node ${SLURMD_NODENAME:-$(hostname)}"
for steward_name in SLURM_TMPDIR TMPDIR; do
  steward_dir="${!steward_name:-}"
  if [ -n "$steward_dir" ] && [ -d "$steward_dir" ] && [ -w "$steward_dir" ]; then
    echo "scratch $steward_name $(stat -f -c %T -- "$steward_dir" | tr ' ' '_') $steward_dir"
  fi
done
export PATH="$PATH:/usr/sbin:/sbin"
ip -o address show up 2>/dev/null | while read -r _ steward_name _ steward_address _; do
  echo "address $steward_name ${steward_address%%/*}"
done
for steward_address in @{addresses}; do
  steward_answer=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && read -r -t 4 word <&3 && echo "$word"' \
    "$steward_address" "$steward_port" 2>/dev/null)
  if [ "$steward_answer" = "$steward_word" ]; then
    # "10.0.0.1 via 10.1.0.1 dev eth0 src 10.1.0.7"
    steward_route=" $(ip route get "$steward_address" 2>/dev/null | head -n 1) "
    steward_name=${steward_route##* dev }
    [ "$steward_name" = "$steward_route" ] && steward_name=
    echo "reached $steward_address ${steward_name%% *}"
  fi
done
if [ -x @{python} ]; then echo "python yes"; else echo "python no"; fi
echo "@{last}"
