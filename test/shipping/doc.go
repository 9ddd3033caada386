// Package shipping checks what reaches users beside the source: container image, systemd unit, Kubernetes manifest,
// CI entry and build files. No container engine or cluster is needed: the files are read as their readers read them,
// and the commands in them are run.
package shipping
