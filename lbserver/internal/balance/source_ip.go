package balance

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
)

// sourceIP is weighted rendezvous hashing of the client's address: each server draws, by a hash of the client and of
// its own key, an exponentially distributed waiting time with its weight as the rate, and the shortest wait wins. A
// server's draw depends only on the client and itself, so a server that leaves moves only its own clients, a server
// that joins takes only the clients that become its own, and a changed weight moves only the difference.
//
// All arithmetic is on integers: every node of a fleet, on any processor, gives the same answer. Users see the answers
// (a client changes its server when they change), so a test holds a table of them.
type sourceIP struct {
	servers   []Server
	keyHashes []uint64
	weights   []uint64
	logs      *[logSteps + 1]uint64
}

func newSourceIP(servers []Server) *sourceIP {
	p := &sourceIP{servers: servers, keyHashes: make([]uint64, len(servers)), weights: make([]uint64, len(servers)), logs: logarithms()}
	for i, server := range servers {
		p.keyHashes[i], p.weights[i] = hashKey(server.Key), uint64(max(server.Weight, 0))
	}
	return p
}

// Pick returns the server with the shortest waiting time among those not tried. It takes time linear in the number of
// servers. An IPv4 address and the same address mapped into IPv6 are one client; a zone does not count.
func (p *sourceIP) Pick(client netip.Addr, tried []int) int {
	address := client.As16()
	clientHash := mix(mix(binary.BigEndian.Uint64(address[:8])) ^ binary.BigEndian.Uint64(address[8:]))

	best, bestWait, bestWeight := -1, uint64(0), uint64(0)
	for i, keyHash := range p.keyHashes {
		weight, draw := p.weights[i], mix(clientHash^keyHash)
		// wait/weight < bestWait/bestWeight. A wait has 54 bits and a weight 7. Since -log2(x) is at least 1.44 ×
		// (1-x), most servers are ruled out without computing a logarithm.
		theirs := bestWait * weight
		if best >= 0 && ^draw>>(64-logFraction)*bestWeight > theirs {
			continue
		}
		wait := p.negativeLog(draw)
		ours := wait * bestWeight
		if best >= 0 && (ours > theirs || ours == theirs && p.servers[i].Key >= p.servers[best].Key) {
			continue
		}
		if weight == 0 || len(tried) > 0 && slices.Contains(tried, i) {
			continue
		}
		best, bestWait, bestWeight = i, wait, weight
	}
	return best
}

// logSteps is the number of segments in the table of logarithms. Linear interpolation between its 1024 points is off by
// less than 10⁻⁶, and by less than 0.05 % in slope, which bounds the error of a server's share.
const (
	logSteps    = 1 << logStepBits
	logStepBits = 10
	logFraction = 48 // binary digits after the point
)

// logarithms returns log2(1+j/logSteps) for j from 0 to logSteps, in units of 2⁻⁴⁸.
var logarithms = sync.OnceValue(func() *[logSteps + 1]uint64 {
	var table [logSteps + 1]uint64
	for j := range table {
		table[j] = binaryLog(uint64(logSteps+j) << (63 - logStepBits))
	}
	table[logSteps] = 1 << logFraction
	return &table
})

// binaryLog returns log2(x/2⁶³) for x of at least 2⁶³, in units of 2⁻⁴⁸, digit by digit: the square of a number from 1
// to 2 is at least 2 exactly if the next digit of its logarithm is 1. Unlike math.Log2 it is the same on every
// processor.
func binaryLog(x uint64) (logarithm uint64) {
	for range logFraction {
		high, low := bits.Mul64(x, x) // x² in units of 2⁻¹²⁶, so high in units of 2⁻⁶²
		logarithm <<= 1
		if high>>63 == 1 {
			logarithm |= 1
			x = high
		} else {
			x = high<<1 | low>>63
		}
	}
	return logarithm
}

// negativeLog returns -log2(h/2⁶⁴) in units of 2⁻⁴⁸: for a uniform h an exponentially distributed number.
func (p *sourceIP) negativeLog(h uint64) uint64 {
	h |= 1 // the logarithm of 0 is infinite; setting the lowest bit changes the result by nothing that counts
	zeros := bits.LeadingZeros64(h)
	rest := h << zeros << 1 // h = 2^(63-zeros) × (1 + rest/2⁶⁴)
	step := rest >> (64 - logStepBits)
	low, high := p.logs[step], p.logs[step+1]
	between, _ := bits.Mul64(high-low, rest<<logStepBits)
	return uint64(zeros+1)<<logFraction - low - between
}

// hashKey is FNV-1a, then mixed: FNV alone gives similar hashes to keys that differ in their last character.
func hashKey(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the finalizer of SplitMix64 (David Stafford's variant 13): a bijection in which each bit of the input flips each
// bit of the output with a probability of one half.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
