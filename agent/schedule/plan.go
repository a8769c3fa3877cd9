package schedule

import (
	"container/heap"
	"maps"
	"time"

	"picket/internal/fleet"
)

// job is one check on the agent's calendar.
type job struct {
	id       string
	index    uint32 // in the config's checks
	interval time.Duration
	phase    time.Duration
	due      time.Time // by the wall clock, without monotonic part
	// asked is when it was fired last, by the steady clock; valid if fired.
	asked time.Duration
	fired bool
	place int // in the heap
}

// calendar orders jobs by due time, then by index.
type calendar []*job

func (c calendar) Len() int { return len(c) }
func (c calendar) Less(i, j int) bool {
	if c[i].due.Equal(c[j].due) {
		return c[i].index < c[j].index
	}
	return c[i].due.Before(c[j].due)
}
func (c calendar) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].place, c[j].place = i, j
}
func (c *calendar) Push(x any) { j := x.(*job); j.place = len(*c); *c = append(*c, j) }
func (c *calendar) Pop() any {
	j := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return j
}

// instant is one moment on two clocks: the wall clock, which people and NTP
// set, and a steady one, which only counts.
type instant struct {
	wall   time.Time     // without monotonic part
	steady time.Duration // since some beginning
}

// plan decides what is due. It is pure: every moment is an argument.
type plan struct {
	jobs calendar
	byID map[string]*job
	gone map[string]*job // asked within the last second, when they left the config
	last instant         // of the previous call of step; zero before the first
}

// jump is by how much the wall clock must depart from the steady one between
// two looks to count as set, rather than slewed: NTP slews 0.5 ms a second.
const jump = 100 * time.Millisecond

// second is the shortest interval. Half of it would be too short a distance
// between two askings, so that is nearly a second, too: the rest is for timers
// that are late and clocks that are slewed.
const (
	second   = time.Second
	distance = 900 * time.Millisecond
)

// set replaces the checks. A check that stays, with the interval that it had,
// keeps its due time; any check keeps the memory of when it was asked last, even
// one that left and comes back within the second. A check without a kind is a
// blank place, which is not asked.
func (p *plan) set(now instant, cfg *fleet.Config, slot uint32, sites int) {
	old := p.remembered(now)
	p.byID = make(map[string]*job, len(cfg.Checks))
	p.jobs = make(calendar, 0, len(cfg.Checks))
	for i := range cfg.Checks {
		c := &cfg.Checks[i]
		if c.Spec.Kind == 0 {
			continue
		}
		j := &job{id: c.ID, index: uint32(i), interval: Interval(c.Interval, cfg.Politeness, sites)}
		if j.interval <= 0 {
			continue // never asked; validation refuses it long before
		}
		j.interval = max(j.interval, second)
		j.phase = Phase(c.ID, slot, j.interval)
		o := old[c.ID]
		if o != nil {
			j.asked, j.fired = o.asked, o.fired
		}
		if o != nil && o.interval == j.interval && o.phase == j.phase {
			j.due = o.due
		} else {
			j.aim(now)
		}
		p.byID[c.ID] = j
		p.jobs = append(p.jobs, j)
	}
	for i, j := range p.jobs {
		j.place = i
	}
	heap.Init(&p.jobs)
	for id := range p.byID {
		delete(old, id)
	}
	p.gone = old
}

// remembered returns the jobs of the config, and those that left it and were
// asked less than a second ago.
func (p *plan) remembered(now instant) map[string]*job {
	all := make(map[string]*job, len(p.byID)+len(p.gone))
	for id, j := range p.gone {
		if j.fired && now.steady-j.asked < second {
			all[id] = j
		}
	}
	maps.Copy(all, p.byID)
	return all
}

// step looks at the clocks and returns the next job that is due, with the due
// time that it is asked for, or nil and how long there is nothing to do
// (forever if negative). Overdue jobs come once, however late it is, for the
// latest of the due times that have passed.
func (p *plan) step(now instant) (j *job, due time.Time, wait time.Duration) {
	if p.jumped(now) {
		for _, j := range p.jobs {
			j.aim(now)
		}
		heap.Init(&p.jobs)
	}
	p.last = now
	if len(p.jobs) == 0 {
		return nil, time.Time{}, -1
	}
	j = p.jobs[0]
	if wait := j.due.Sub(now.wall); wait > 0 {
		return nil, time.Time{}, wait
	}
	due = j.due.Add(now.wall.Sub(j.due) / j.interval * j.interval)
	j.asked, j.fired = now.steady, true
	j.aim(now)
	heap.Fix(&p.jobs, j.place)
	return j, due, 0
}

// jumped says whether the wall clock was set, or the machine slept, since the
// previous step. What is overdue only because of that is not asked in a burst:
// everything takes the next turn of its own.
func (p *plan) jumped(now instant) bool {
	if p.last.wall.IsZero() {
		return false
	}
	d := now.wall.Sub(p.last.wall) - (now.steady - p.last.steady)
	return d > jump || d < -jump
}

// aim sets the due time to the first one behind now, at least half an interval
// after the last asking and not within the second.
func (j *job) aim(now instant) {
	into := time.Duration(now.wall.UnixNano() % int64(j.interval)) // since the interval began
	if into < 0 {                                                  // before 1970
		into += j.interval
	}
	wait := j.phase - into
	if wait <= 0 {
		wait += j.interval
	}
	if j.fired && now.steady+wait-j.asked < max(j.interval/2, distance) {
		wait += j.interval
	}
	j.due = now.wall.Add(wait)
}
