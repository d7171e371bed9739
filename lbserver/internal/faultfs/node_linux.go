package faultfs

import (
	"bytes"
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is an inode as the kernel knows it while the disk is mounted.
type node struct {
	fs.Inode
	disk *Disk
	*inode
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
)

// child makes the kernel's picture of an inode. The caller holds disk.mu.
func (n *node) child(ctx context.Context, target *inode, out *fuse.EntryOut) *fs.Inode {
	target.attributes(&out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk, inode: target}, fs.StableAttr{Mode: target.mode & syscall.S_IFMT, Ino: target.number})
}

func (i *inode) attributes(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink = i.number, i.mode, 1
	out.Size = uint64(len(i.content.shown))
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return nil, syscall.EIO
	}
	target := n.entries.shown[name]
	if target == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, target, out), 0
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return nil, syscall.EIO
	}
	var list []fuse.DirEntry
	for name, target := range n.entries.shown {
		list = append(list, fuse.DirEntry{Name: name, Ino: target.number, Mode: target.mode})
	}
	return fs.NewListDirStream(list), 0
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return syscall.EIO
	}
	n.attributes(&out.Attr)
	return 0
}

// Setattr changes size and mode; a mode is durable at once.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return syscall.EIO
	}
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&0o7777
	}
	if size, ok := in.GetSize(); ok {
		if errno := n.disk.operate(false); errno != 0 {
			n.disk.failed()
			return errno
		}
		n.truncate(int(size))
	}
	n.attributes(&out.Attr)
	return 0
}

// Open lets the kernel keep its pages: nobody else changes the file.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return nil, 0, syscall.EIO
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, into []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.off {
		return nil, syscall.EIO
	}
	shown := n.content.shown
	from, to := min(int(at), len(shown)), min(int(at)+len(into), len(shown))
	return fuse.ReadResultData(bytes.Clone(shown[from:to])), 0
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.operate(false); errno != 0 {
		n.disk.failed()
		return 0, errno
	}
	n.write(data, int(at))
	return uint32(len(data)), 0
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.disk.mu.Lock()
	evicted, errno := n.disk.syncInode(n.inode)
	n.disk.mu.Unlock() // the kernel may read pages while it forgets them
	if evicted {
		_ = n.NotifyContent(0, 0)
	}
	return errno
}

func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	made, errno := n.add(ctx, name, syscall.S_IFREG|mode, out)
	return made, nil, fuse.FOPEN_KEEP_CACHE, errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, syscall.S_IFDIR|mode, out)
}

// add makes a file or a directory.
func (n *node) add(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.operate(false); errno != 0 {
		n.disk.failed()
		return nil, errno
	}
	made := n.disk.newInode(mode)
	n.change(change{put: name, target: made})
	return n.child(ctx, made, out), 0
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	linked, ok := target.(*node)
	if !ok {
		return nil, syscall.EXDEV
	}
	if errno := n.disk.operate(false); errno != 0 {
		n.disk.failed()
		return nil, errno
	}
	n.change(change{put: name, target: linked.inode})
	return n.child(ctx, linked.inode, out), 0
}

// Rename works within one directory, which is all that our programs do.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if newParent.EmbeddedInode() != n.EmbeddedInode() || flags != 0 {
		return syscall.ENOTSUP
	}
	if errno := n.disk.operate(false); errno != 0 {
		n.disk.failed()
		return errno
	}
	n.change(change{remove: name, put: newName, target: n.entries.shown[name]})
	return 0
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.operate(false); errno != 0 {
		n.disk.failed()
		return errno
	}
	n.change(change{remove: name})
	return 0
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	n.disk.mu.Lock()
	empty := n.entries.shown[name] != nil && len(n.entries.shown[name].entries.shown) == 0
	n.disk.mu.Unlock()
	if !empty {
		return syscall.ENOTEMPTY
	}
	return n.Unlink(ctx, name)
}
