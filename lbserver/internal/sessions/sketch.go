package sessions

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// The size of a sketch. The standard error of an estimate is 1.04/√registers.
const (
	indexBits = 9
	registers = 1 << indexBits
	perWord   = 8 // registers in a word, of a byte each
	// maxRank is the largest value of a register: a hash has that many bits, less one, besides the index.
	maxRank = 64 - indexBits + 1
)

// sketch is a HyperLogLog: it estimates how many different hashes were added. It is our own because the maintained
// libraries take a lock, or allocate, when a hash is added.
type sketch struct {
	words [registers / perWord]atomic.Uint64
}

// mark is where and how a hash changes a sketch.
type mark struct {
	word  int
	shift uint // of the register in the word
	rank  uint64
}

func markOf(hash uint64) mark {
	index := hash % registers
	return mark{
		word:  int(index / perWord),
		shift: uint(index%perWord) * 8,
		rank:  uint64(bits.LeadingZeros64(hash|(registers-1)) + 1),
	}
}

// add records a hash. A hash that changes nothing, as nearly every one after the first thousands, only reads.
func (s *sketch) add(m mark) {
	word := &s.words[m.word]
	for {
		old := word.Load()
		if old>>m.shift&0xff >= m.rank {
			return
		}
		if word.CompareAndSwap(old, old&^(0xff<<m.shift)|m.rank<<m.shift) {
			return
		}
	}
}

// estimate is Ertl's improved raw estimator ("New cardinality estimation methods for HyperLogLog sketches", 2017,
// algorithm 6): it needs no tables and has no bias from the first hash on.
func (s *sketch) estimate() int {
	var count [maxRank + 1]float64 // of registers by their value
	for i := range s.words {
		word := s.words[i].Load()
		for range perWord {
			count[word&0xff]++
			word >>= 8
		}
	}
	const m = registers
	sum := m * tau(1-count[maxRank]/m)
	for rank := maxRank - 1; rank >= 1; rank-- {
		sum = (sum + count[rank]) / 2
	}
	sum += m * sigma(count[0]/m)
	return int(math.Round(m * m / (2 * math.Ln2 * sum)))
}

// sigma corrects for the registers that are 0: x + Σ x^(2^k)·2^(k−1), k from 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum, factor := x, 1.0
	for before := math.NaN(); sum != before; factor *= 2 {
		before = sum
		x *= x
		sum += x * factor
	}
	return sum
}

// tau corrects for the registers that are full: (1 − x − Σ (1 − x^(2^−k))²·2^−k)/3, k from 1.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum, factor := 1-x, 0.5
	for before := math.NaN(); sum != before; factor /= 2 {
		before = sum
		x = math.Sqrt(x)
		sum -= (1 - x) * (1 - x) * factor
	}
	return sum / 3
}
