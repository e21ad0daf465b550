// Package privilege makes a process that was started for it the owner of its
// output folder.
//
// A folder that a container engine binds from the host belongs to whoever made it:
// to a person, or to root where the engine made it itself. A fixed user can write
// to neither. So the container of the reporter starts as root without root's right
// to write everywhere, with just what it takes to become somebody else
// (--cap-drop ALL --cap-add CHOWN --cap-add SETUID --cap-add SETGID), and becomes
// the folder's owner for good. Files then belong to whom the folder belongs to.
package privilege

// Nobody is the user and group that takes over a folder of root: those of
// distroless images.
const Nobody = 65532

// Owner is who the process is now.
type Owner struct {
	UID, GID int
	Changed  bool // false: nothing was done
}
