package balance

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// contender is one server as weighted_least_connections compares it.
type contender struct {
	inFlight   *InFlight
	weight     int64         // 0 or less never wins
	turn       atomic.Uint64 // virtual time of the next turn among servers that tie
	tournament *tournament   // nil where the set is scanned
	index      int
}

// before reports whether c wins against other, which stands behind it in the set: by the smaller (in-flight+1)/weight, then
// by the earlier turn, then by its place.
func (c *contender) before(other *contender) bool {
	own, theirs := (c.inFlight.Load()+1)*other.weight, (other.inFlight.Load()+1)*c.weight
	if own != theirs {
		return own < theirs
	}
	return c.turn.Load() <= other.turn.Load()
}

// tournament keeps the best of many contenders known while their counts change on several cores: a binary tree whose
// leaves are the contenders and whose inner nodes name the winner below. A change of one contender plays its matches
// anew from the leaf up, at most one for each level; nobody waits for anybody.
//
// It is Jayanti's f-array ("f-arrays: implementation and applications", PODC 2002): a match reads both sides and then
// swaps the node, and is played once more if another got ahead. If the second swap fails too, then some match of
// another began after the change of ours and ended well, so it has seen the change. A node has a version for that, so
// that a match which was overtaken can't mistake the new state for the old. When all who changed something have
// returned, every node names the true winner.
type tournament struct {
	contenders []contender
	leaves     int // a power of two; leaf i is node leaves+i
	// nodes 1 to leaves-1, the root first; node k plays off 2k and 2k+1. The low half is the winner's index plus 1, 0 for
	// none, the high half the version.
	nodes []atomic.Uint64
}

func newTournament(contenders []contender) *tournament {
	leaves := 1 << bits.Len(uint(max(len(contenders), 2)-1))
	t := &tournament{contenders: contenders, leaves: leaves, nodes: make([]atomic.Uint64, leaves)}
	// From here on changes play, of which some find their nodes not filled in; the matches below see what they changed.
	for i := range contenders {
		contenders[i].tournament, contenders[i].index = t, i
		contenders[i].inFlight.contender.Store(&contenders[i])
	}
	for node := leaves - 1; node > 0; node-- {
		t.play(node)
	}
	return t
}

// leave ends the part that changes of counts take in the tournament, but for those that another has taken over.
func (t *tournament) leave() {
	for i := range t.contenders {
		t.contenders[i].inFlight.contender.CompareAndSwap(&t.contenders[i], nil)
	}
}

// winner is the index of the best contender below a node, or -1.
func (t *tournament) winner(node int) int {
	if node < t.leaves {
		return int(uint32(t.nodes[node].Load())) - 1
	}
	if index := node - t.leaves; index < len(t.contenders) && t.contenders[index].weight > 0 {
		return index
	}
	return -1
}

// best is the better one of two contenders by index, of which first stands before second; either may be -1.
func (t *tournament) best(first, second int) int {
	if second < 0 || first >= 0 && t.contenders[first].before(&t.contenders[second]) {
		return first
	}
	return second
}

// play plays one match, and once more if it was overtaken. stays says that the same won as before, for certain.
func (t *tournament) play(node int) (winner int, stays bool) {
	for range 2 {
		was := t.nodes[node].Load()
		winner = t.best(t.winner(2*node), t.winner(2*node+1))
		// The version moves on even if the winner stays: a match that began earlier must fail.
		if t.nodes[node].CompareAndSwap(was, (was>>32+1)<<32|uint64(winner+1)) {
			return winner, int(uint32(was))-1 == winner
		}
	}
	return winner, false
}

// replay plays the matches of a contender whose count has changed, up to the root or to one that another won and wins
// again: of that one, nothing has changed that matters above.
func (t *tournament) replay(index int) {
	for node := (t.leaves + index) / 2; node > 0; node /= 2 {
		if winner, stays := t.play(node); stays && winner != index {
			return
		}
	}
}

// replayPicked plays all the matches of a contender that was picked. The thread that has made another win further down may
// stand still before it gets to the root, and all picks would go to this one until it moves on.
func (t *tournament) replayPicked(index int) {
	for node := (t.leaves + index) / 2; node > 0; node /= 2 {
		t.play(node)
	}
}

// winnerBut is the index of the best contender below a node that is not in without, or -1. It looks into those subtrees
// only in which one of them stands.
func (t *tournament) winnerBut(node int, without []int) int {
	height := bits.Len(uint(t.leaves)) - bits.Len(uint(node))
	below := slices.ContainsFunc(without, func(index int) bool { return (t.leaves+index)>>height == node })
	switch {
	case !below:
		return t.winner(node)
	case height == 0:
		return -1
	}
	return t.best(t.winnerBut(2*node, without), t.winnerBut(2*node+1, without))
}
