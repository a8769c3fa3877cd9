package alert

import (
	"errors"
	"math/rand/v2"
	"time"
)

// The rhythm of retries.
const (
	firstRetry  = 5 * time.Second
	longestWait = 15 * time.Minute
	longestAsk  = time.Hour // Retry-After beyond this is not obeyed
	giveUpAfter = 24 * time.Hour
	maxRefused  = 6 // tries against a definite no: 5+10+20+40+80 s
)

// What the error of a delivery may wrap. ErrRefused marks a definite no: the
// same letter will meet the same answer. ErrGone marks that there will never be
// a yes. ErrPartly marks that some of the receivers have the letter and the
// others refuse it for good, so that it is not sent again.
var (
	ErrRefused = errors.New("refused")
	ErrGone    = errors.New("gone for good")
	ErrPartly  = errors.New("refused by some")
)

// RetryAfter adds to err that the receiver asks to be left alone for so long.
func RetryAfter(err error, wait time.Duration) error { return retryAfter{err, wait} }

// retryAfter is a failure whose receiver said when to come back.
type retryAfter struct {
	error
	wait time.Duration
}

func (r retryAfter) Unwrap() error { return r.error }

// verdict says when to try l again after err, or that it is given up.
func verdict(l Letter, err error, now time.Time) (next time.Time, dead bool) {
	tries := l.Attempts + 1
	wait := longestWait
	if shift := tries - 1; shift < 10 {
		wait = min(longestWait, firstRetry<<shift)
	}
	wait = wait*4/5 + rand.N(wait*2/5+1) // +-20 %: a fleet of failures must not come back together
	if r, ok := errors.AsType[retryAfter](err); ok {
		wait = max(wait, min(r.wait, longestAsk))
	}
	next = now.Add(wait)
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrRefused) && tries >= maxRefused, next.Sub(l.Created) > giveUpAfter:
		return now, true
	}
	return next, false
}
