package detect

import (
	"fmt"
	"time"
)

// WANAddress takes what the public address of a silent site does, as the
// collector found by asking it: whether it still answers, having done so reliably
// before the site fell silent. It is evidence beside the silence (amendment 3):
// an address that does not answer any more is a line, or the power of what ends
// it; one that does makes the machine the likelier cause, and no more than that,
// because behind a carrier's translation somebody else answers.
//
// It words an incident of this one site that says "lost contact", and nothing
// else: it opens and closes none, and the site's own results, delivered
// afterwards, win over it (hindsight). Sites that are not silent, or were stopped
// on purpose, are none of its business.
func (e *Engine) WANAddress(now time.Time, siteID string, answers bool) {
	e.wake(now)
	s := e.siteByID[siteID]
	if s == nil || s.silence.over() || s.silence.l == nil {
		return
	}
	l := s.silence.l
	if l.scope.kind != KindSite || l.inc.SupersededBy != "" || !l.inc.State.Open() {
		return
	}
	code := WANSilent
	if answers {
		code = WANAnswers
	}
	switch was := l.inc.Reason.Code; {
	case was == code, was != LostContact && was != WANAnswers:
		return // known, or something stronger is
	}
	l.inc.Reason.Code = code
	l.inc.LineDown = code == WANSilent
	e.announce(now, l, Changed)
}

// wanText is title and sentence of a silence that the site's public address tells of.
func (e *Engine) wanText(now time.Time, l *live, subject, since string) (title, text string) {
	if l.inc.Reason.Code == WANSilent {
		return subject + ": line down", fmt.Sprintf("Line or power of %s is down since %s: nothing is heard from its Picket agents, and its public address, which used to answer, does not any more%s.",
			subject, since, e.whileHeard(now, l, "other sites are heard"))
	}
	return "Lost contact with " + subject, fmt.Sprintf("Nothing has been heard from %s since %s, but its public address still answers: look at the machine first, its line is probably up.", subject, since)
}
