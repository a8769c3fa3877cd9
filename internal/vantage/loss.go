package vantage

import "time"

// This file notices that a check loses more than it used to without ever being
// down: a CUSUM of the log-likelihood ratio of 10 % against 1 % failures (3.2).
// Three quick failures raise it, 13 results at 30 % loss, 24 at 17 %; at a true
// rate of 0.3 % it takes 1.9e6 results to cry wolf [S]. It is a hint that marks
// results and is told; verdicts about partial failure come from the Picket
// server, which pools the whole fleet.
//
// A spell that was confirmed as down is an outage, not loss, and does not count:
// else every check would be lossy for minutes after each outage.
const (
	lossFail   = 2_302_585 // ln(0.1/0.01), in millionths: whole numbers add up the same in any order
	lossOK     = 95_310    // -ln(0.9/0.99)
	lossAlarm  = 6_900_000 // 3.2
	lossMost   = lossAlarm + lossFail
	lossClears = 30 // [E] good results in a row that end the flag: 4 % at a loss of 10 %, 2e-5 at 30 %
)

// loss is how often a check fails that is not down.
type loss struct {
	sum   int32 // millionths of a nat
	row   uint8 // good results in a row, up to lossClears
	lossy bool
	told  time.Time
}

// failed takes n failures of a spell that was no outage.
func (l *loss) failed(n int) {
	if n <= 0 {
		return
	}
	l.row = 0
	l.sum = min(l.sum+int32(min(n, downAfter))*lossFail, lossMost)
	if !l.lossy && l.sum >= lossAlarm {
		l.lossy, l.told = true, time.Time{}
	}
}

// worked takes n good results in a row: those that end the flag, and those after.
func (l *loss) worked(n int) {
	until := min(n, lossClears-int(l.row))
	for _, n := range []int{until, n - until} {
		l.sum = int32(max(0, int64(l.sum)-int64(n)*lossOK))
		l.row = uint8(min(int64(l.row)+int64(n), lossClears))
		if l.row == lossClears || l.sum == 0 {
			l.lossy = false
		}
		if l.row == lossClears {
			l.sum = min(l.sum, lossAlarm/2)
		}
	}
}
