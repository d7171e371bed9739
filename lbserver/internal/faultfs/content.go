package faultfs

import (
	"bytes"
	"math/rand/v2"
)

const (
	// sectorSize is what a disk writes as a whole or not at all.
	sectorSize = 512
	// pageSize is what the kernel writes at a time.
	pageSize = 4096
)

// content is what a file contains.
type content struct {
	shown, durable []byte
	unsynced       []write // since the last sync, in order
}

// write is one write, or a change of the size to that of at.
type write struct {
	at     int
	data   []byte
	resize bool
}

// size is that of a file after the write.
func (w write) size(before int) int {
	if w.resize {
		return w.at
	}
	return max(before, w.at+len(w.data))
}

func (w write) apply(content []byte) []byte {
	content = resized(content, w.size(len(content)))
	copy(content[w.at:], w.data)
	return content
}

// resized cuts content or adds zeros.
func resized(content []byte, size int) []byte {
	if size <= len(content) {
		return content[:size:size]
	}
	return append(content, make([]byte, size-len(content))...)
}

func (c *content) write(data []byte, at int) {
	c.do(write{at: at, data: bytes.Clone(data)})
}

func (c *content) truncate(size int) {
	c.do(write{at: size, resize: true})
}

func (c *content) do(w write) {
	c.shown = w.apply(c.shown)
	c.unsynced = append(c.unsynced, w)
}

// sync writes what was written since the last one; not what a failed one left.
func (c *content) sync() {
	for _, w := range c.unsynced {
		c.durable = w.apply(c.durable)
	}
	c.unsynced = nil
}

// failSync writes some of the data, and forgets that the rest must be written. The size is not forgotten: file systems
// keep it with their own data, which they write again.
func (c *content) failSync(random *rand.Rand, evict bool) {
	size := len(c.durable)
	c.durable = resized(c.survivors(random), size)
	c.unsynced = nil
	if len(c.shown) != size {
		c.unsynced = []write{{at: len(c.shown), resize: true}}
	}
	if evict {
		c.shown = resized(bytes.Clone(c.durable), len(c.shown))
	}
}

// cut loses what is not durable, or a part of it. The size becomes one of those that the file had since the last sync.
func (c *content) cut(random *rand.Rand) {
	size := len(c.durable)
	if len(c.unsynced) > 0 {
		for _, w := range c.unsynced[:random.IntN(len(c.unsynced)+1)] {
			size = w.size(size)
		}
		c.durable = resized(c.survivors(random), size)
	}
	c.unsynced, c.shown = nil, bytes.Clone(c.durable)
}

// survivors are the durable content and of the rest what survives: of each page nothing, all, or some sectors.
func (c *content) survivors(random *rand.Rand) []byte {
	content, pageSurvives := c.durable, chance(random)
	for _, w := range c.unsynced {
		if w.resize {
			if w.at > len(content) || pageSurvives() {
				content = w.apply(content)
			}
			continue
		}
		for from := 0; from < len(w.data); {
			to := min(from+pageSize-(w.at+from)%pageSize, len(w.data))
			if pageSurvives() {
				content = write{at: w.at + from, data: w.data[from:to]}.apply(content)
			} else if random.IntN(3) == 0 {
				content = torn(random, write{at: w.at + from, data: w.data[from:to]}, content)
			}
			from = to
		}
	}
	return content
}

// torn writes some sectors of a page.
func torn(random *rand.Rand, page write, content []byte) []byte {
	for from := 0; from < len(page.data); {
		to := min(from+sectorSize-(page.at+from)%sectorSize, len(page.data))
		if random.IntN(2) == 0 {
			content = write{at: page.at + from, data: page.data[from:to]}.apply(content)
		}
		from = to
	}
	return content
}
