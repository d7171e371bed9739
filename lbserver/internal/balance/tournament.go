package balance

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// contender is one server in the form that weighted_least_connections compares.
type contender struct {
	inFlight   *InFlight
	weight     int64         // 0 or less never wins
	turn       atomic.Uint64 // virtual time of the next turn among servers that tie
	tournament *tournament   // nil if the set is scanned
	index      int
}

// before reports whether c wins against other, which comes after it in the set: the smaller (in-flight+1)/weight wins,
// then the earlier turn, then the position.
func (c *contender) before(other *contender) bool {
	own, theirs := (c.inFlight.Load()+1)*other.weight, (other.inFlight.Load()+1)*c.weight
	if own != theirs {
		return own < theirs
	}
	return c.turn.Load() <= other.turn.Load()
}

// tournament keeps track of the best of many contenders while their counts change on several cores. It is a binary tree
// whose leaves are the contenders and whose inner nodes name the winner below them. When a contender changes, its
// matches are played again from the leaf up, at most one per level; no thread waits for another.
//
// It is Jayanti's f-array ("f-arrays: implementation and applications", PODC 2002): a match reads both sides and then
// compares and swaps the node; if another thread was faster, the match is played once more. If the second swap fails
// too, another thread's match began after our change and succeeded, so it has seen the change. Each node carries a
// version, so that a match that was overtaken can't mistake the new state for the old. Once all threads that changed
// something have returned, every node names the true winner.
type tournament struct {
	contenders []contender
	leaves     int // a power of two; leaf i is node leaves+i
	// nodes 1 to leaves-1, the root first; node k is the match between 2k and 2k+1. The low half of a word is the
	// winner's index plus 1, or 0 for none; the high half is the version.
	nodes []atomic.Uint64
}

func newTournament(contenders []contender) *tournament {
	leaves := 1 << bits.Len(uint(max(len(contenders), 2)-1))
	t := &tournament{contenders: contenders, leaves: leaves, nodes: make([]atomic.Uint64, leaves)}
	// From here on, changes of counts play matches, some of which find nodes not filled in yet; the matches below see
	// those changes.
	for i := range contenders {
		contenders[i].tournament, contenders[i].index = t, i
		contenders[i].inFlight.contender.Store(&contenders[i])
	}
	for node := leaves - 1; node > 0; node-- {
		t.play(node)
	}
	return t
}

// leave detaches the counts from this tournament, except those that a newer one has taken over.
func (t *tournament) leave() {
	for i := range t.contenders {
		t.contenders[i].inFlight.contender.CompareAndSwap(&t.contenders[i], nil)
	}
}

// winner returns the index of the best contender below a node, or -1.
func (t *tournament) winner(node int) int {
	if node < t.leaves {
		return int(uint32(t.nodes[node].Load())) - 1
	}
	if index := node - t.leaves; index < len(t.contenders) && t.contenders[index].weight > 0 {
		return index
	}
	return -1
}

// best returns the better of two contenders by index. first comes before second in the set; either may be -1.
func (t *tournament) best(first, second int) int {
	if second < 0 || first >= 0 && t.contenders[first].before(&t.contenders[second]) {
		return first
	}
	return second
}

// play plays one match, and once more if another thread overtook it. stays reports whether the winner is certainly the
// same as before.
func (t *tournament) play(node int) (winner int, stays bool) {
	for range 2 {
		was := t.nodes[node].Load()
		winner = t.best(t.winner(2*node), t.winner(2*node+1))
		// The version changes even if the winner stays: a match that began earlier must fail.
		if t.nodes[node].CompareAndSwap(was, (was>>32+1)<<32|uint64(winner+1)) {
			return winner, int(uint32(was))-1 == winner
		}
	}
	return winner, false
}

// replay plays the matches of a contender whose count has changed, up to the root or to a match that another contender
// won before and wins again: above it nothing changes.
func (t *tournament) replay(index int) {
	for node := (t.leaves + index) / 2; node > 0; node /= 2 {
		if winner, stays := t.play(node); stays && winner != index {
			return
		}
	}
}

// replayPicked plays all matches of a contender that was picked, up to the root. It can't stop early like replay: the
// thread that made another contender win further down may be suspended before it reaches the root, and until it resumes
// all picks would go to this contender.
func (t *tournament) replayPicked(index int) {
	for node := (t.leaves + index) / 2; node > 0; node /= 2 {
		t.play(node)
	}
}

// winnerExcept returns the index of the best contender below a node that is not in except, or -1. It descends only into
// subtrees that contain one of except.
func (t *tournament) winnerExcept(node int, without []int) int {
	height := bits.Len(uint(t.leaves)) - bits.Len(uint(node))
	below := slices.ContainsFunc(without, func(index int) bool { return (t.leaves+index)>>height == node })
	switch {
	case !below:
		return t.winner(node)
	case height == 0:
		return -1
	}
	return t.best(t.winnerExcept(2*node, without), t.winnerExcept(2*node+1, without))
}
