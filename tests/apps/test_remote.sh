#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# OpenSSH both ends, with scp and sftp; rsync and git over it, git over HTTP and its own daemon.
# full: it needs packages that make check does not install
. "$(dirname "$0")/lib.sh"
need ssh sshd scp sftp rsync git
ns_pair
chmod 755 "$LOGS"
rand_file "$LOGS/in" 5000000 4
ssh-keygen -q -t ed25519 -N '' -f "$LOGS/host"
ssh-keygen -q -t ed25519 -N '' -f "$LOGS/id"
cp "$LOGS/id.pub" "$LOGS/authorized"
chmod 600 "$LOGS/authorized"
cat >"$LOGS/sshd_config" <<CONF
HostKey $LOGS/host
AuthorizedKeysFile $LOGS/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
Subsystem sftp internal-sftp
CONF
mkdir -p /run/sshd
opts=(-F none -i "$LOGS/id" -o StrictHostKeyChecking=no -o "UserKnownHostsFile=$LOGS/known" -o LogLevel=ERROR)

both() { # WHERE-RUN ADDR PORT: the client in WHERE
	eq "ssh runs a command" "$($1 timeout 20 ssh "${opts[@]}" -p "$3" "root@$2" echo hello)" hello
	$1 timeout 30 ssh "${opts[@]}" -p "$3" "root@$2" cat <"$LOGS/in" >"$LOGS/got"
	same "... carries data both ways" "$LOGS/got" "$LOGS/in"
	$1 timeout 30 scp -q "${opts[@]}" -P "$3" "$LOGS/in" "root@$2:$LOGS/scp"
	same "scp" "$LOGS/scp" "$LOGS/in"
	echo "get $LOGS/in $LOGS/sftp" | $1 timeout 30 sftp -q "${opts[@]}" -b - -P "$3" "root@$2" >/dev/null
	same "sftp" "$LOGS/sftp" "$LOGS/in"
	rm -f "$LOGS/scp" "$LOGS/sftp"
}
program sshd
xrun sshd /usr/sbin/sshd -D -e -f "$LOGS/sshd_config" -o "ListenAddress=$B4:2222"
wait_open "$B4" 2222 20
both in_a "$B4" 2222
program rsync
rsync_e="ssh ${opts[*]} -p 2222"
in_a timeout 30 rsync -e "$rsync_e" "$LOGS/in" "root@$B4:$LOGS/rsynced"
same "rsync over ssh, its server" "$LOGS/rsynced" "$LOGS/in"
stop sshd TERM
spawn ksshd in_a /usr/sbin/sshd -D -e -f "$LOGS/sshd_config" -o "ListenAddress=$A4:2223"
wait_listen in_a 2223
program "ssh, scp, sftp"
both x "$A4" 2223

program rsync
x timeout 30 rsync -e "ssh ${opts[*]} -p 2223" "root@$A4:$LOGS/in" "$LOGS/rsynced1"
same "rsync over ssh, its client" "$LOGS/rsynced1" "$LOGS/in"

program git
git init -q "$LOGS/repo"
cp "$LOGS/in" "$LOGS/repo/f"
git -C "$LOGS/repo" add f
git -C "$LOGS/repo" -c user.name=x -c user.email=x@x commit -qm x
x env GIT_SSH_COMMAND="ssh ${opts[*]} -p 2223" timeout 30 git clone -q "ssh://root@$A4$LOGS/repo" "$LOGS/clone1"
same "git clone over ssh" "$LOGS/clone1/f" "$LOGS/in"
echo more >"$LOGS/clone1/g"
git -C "$LOGS/clone1" add g
git -C "$LOGS/clone1" -c user.name=x -c user.email=x@x commit -qm y
x env GIT_SSH_COMMAND="ssh ${opts[*]} -p 2223" timeout 30 git -C "$LOGS/clone1" push -q origin HEAD:refs/heads/pushed
eq "git push over ssh" "$(git -C "$LOGS/repo" show pushed:g)" more
stop ksshd TERM
xrun gitd git daemon --reuseaddr --export-all --base-path="$LOGS" --listen="$B4" --port=9418
wait_open "$B4" 9418 20
in_a timeout 30 git clone -q "git://$B4/repo" "$LOGS/clone2"
same "git daemon" "$LOGS/clone2/f" "$LOGS/in"
stop gitd TERM
git -C "$LOGS/repo" update-server-info
spawn web in_a python3 -m http.server -d "$LOGS" --bind "$A4" 8000
wait_listen in_a 8000
x timeout 30 git clone -q "http://$A4:8000/repo/.git" "$LOGS/clone3"
same "git over HTTP" "$LOGS/clone3/f" "$LOGS/in"
program rsync
printf '[m]\npath = %s\nuse chroot = no\nuid = 0\ngid = 0\n' "$LOGS" >"$LOGS/rsyncd.conf"
xrun rsyncd rsync --daemon --no-detach --config="$LOGS/rsyncd.conf" --address="$B4" --port=8730
wait_open "$B4" 8730 20
in_a timeout 30 rsync "rsync://$B4:8730/m/in" "$LOGS/rsynced2"
same "rsync's own daemon" "$LOGS/rsynced2" "$LOGS/in"
stop rsyncd TERM
on_xtcp
no_xdp vb
