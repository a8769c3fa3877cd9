package collector

import (
	"fmt"
	"net/http"
	"time"

	"picket/collector/access"
	"picket/collector/web"
)

// allowance is how many questions somebody may ask: a bucket that fills with
// time. The zero value is full.
type allowance struct {
	spent float64 // of the burst
	at    time.Time
}

// refill lets time pass.
func (a *allowance) refill(now time.Time, every time.Duration) {
	if now.After(a.at) {
		a.spent = max(0, a.spent-float64(now.Sub(a.at))/float64(every))
		a.at = now
	}
}

// wait is how long until one more may be asked, 0 if now.
func (a *allowance) wait(burst int, every time.Duration) time.Duration {
	return max(0, time.Duration((a.spent+1-float64(burst))*float64(every)))
}

// allow takes one question from by's allowance and from everybody's. Nobody's
// refusal costs another's allowance.
func (i *inquirer) allow(by access.Principal, now time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	name := by.Via + " " + by.Name
	mine := i.people[name]
	if mine == nil {
		i.forgetRested(now)
		mine = &allowance{at: now}
		i.people[name] = mine
	}
	mine.refill(now, inquiryEvery)
	i.all.refill(now, inquiryEveryAll)
	if wait := mine.wait(inquiryBurst, inquiryEvery); wait > 0 {
		return tooOften("you have asked often in the last minute", wait)
	}
	if wait := i.all.wait(inquiryBurstAll, inquiryEveryAll); wait > 0 {
		return tooOften("many people ask right now", wait)
	}
	mine.spent++
	i.all.spent++
	return nil
}

// forgetRested drops who has all of their allowance again, and, should that not
// make room, somebody.
func (i *inquirer) forgetRested(now time.Time) {
	if len(i.people) < inquiryPeople {
		return
	}
	for name, a := range i.people {
		if a.refill(now, inquiryEvery); a.spent == 0 {
			delete(i.people, name)
		}
	}
	for name := range i.people {
		if len(i.people) < inquiryPeople {
			return
		}
		delete(i.people, name)
	}
}

func tooOften(why string, wait time.Duration) error {
	return &web.Error{Status: http.StatusTooManyRequests, Code: "too_often", What: "nothing was asked", Why: why,
		Fix: fmt.Sprintf("try again in %d s", int(wait.Seconds())+1)}
}
