package inquiry

import (
	"cmp"
	"fmt"

	"picket/collector/detect"
	"picket/probes"
)

// opinion is what a rule comes to.
type opinion struct {
	party      Party
	confidence detect.Confidence
	sentence   string
	detail     string
	incident   string
}

// Judge says who it is. ID and Took of the answer are the caller's to fill.
func Judge(f Facts) Finding {
	s := count(f)
	o := s.opinion()
	rows := f.Rows
	if rows == nil {
		rows = []Row{}
	}
	return Finding{
		Question: f.Question, Client: f.Client, At: f.At, Party: o.party, Confidence: o.confidence, Sentence: o.sentence, Detail: o.detail,
		Chain: s.chain(o), Rows: rows, Missing: s.missing(o), Incident: o.incident, Label: f.Label, isps: f.isps(f.Client),
	}
}

// opinion is the verdict. Whatever a fresh look says, that an incident is open
// about the service is told.
func (s scene) opinion() opinion {
	o := s.verdict()
	if s.blamed == nil || o.incident != "" {
		return o
	}
	o.incident = s.blamed.ID
	still := "An incident about " + s.Label + " is still open"
	if word := s.blamed.Confidence.Word(); word != "" {
		still += " (" + word + ")"
	}
	if o.party == Nobody {
		still += "; it may be recovering"
	}
	o.detail = join(o.detail, still+".")
	return o
}

func (s scene) verdict() opinion {
	if o, ok := s.misspelt(); ok {
		return o
	}
	if o, ok := s.service(); ok {
		return o
	}
	if s.own == nil {
		return s.everybody()
	}
	switch s.sight {
	case good, guarded:
		return s.works()
	case line, local:
		return s.ownLine()
	case bad:
		return s.fails()
	case mute:
		return s.lost()
	}
	return s.cannotLook()
}

// misspelt is the rule for a name that somebody typed, nobody watches, and no
// site can find: more often a slip than an outage.
func (s scene) misspelt() (opinion, bool) {
	told := 0
	for _, r := range s.Rows {
		if r.State != Answered {
			continue
		}
		if r.Cause != probes.DNSNXDomain.String() {
			return opinion{}, false
		}
		told++
	}
	if s.Target != "" || told == 0 {
		return opinion{}, false
	}
	return opinion{party: CantTell, sentence: fmt.Sprintf("There is no such name as that of %s: is it spelt right?", s.Label),
		detail: fmt.Sprintf("The DNS of %s says that it does not exist. Nobody watches it, so nobody knows whether it ever did.", sites(told))}, true
}

// service is the rule before all others: a quorum of sites fails, or the
// detector has found so and a fresh look does not deny it.
func (s scene) service() (opinion, bool) {
	sure := s.borrowed(s.quorum())
	if sure == detect.ConfidenceNone {
		return opinion{}, false
	}
	o := opinion{party: Service, confidence: sure, sentence: "It is " + s.who(), detail: s.depth()}
	if s.own != nil && s.sight == bad {
		o.sentence += ", not " + s.own.Site
	}
	o.sentence += fmt.Sprintf(": %s fails at %s.", s.Label, s.failing())
	switch {
	case s.own == nil || s.sight == bad:
	case s.sight.tells():
		o.detail = join(o.detail, s.own.Site+" itself still reaches it.")
	default:
		o.detail = join(o.detail, s.sentence(s.ownWord()))
	}
	if s.blamed != nil {
		o.incident = s.blamed.ID
	}
	return o, true
}

// borrowed is sure, or the confidence of the open incident about the service if
// that is more and what the sites see fits it: at least half of them fail. One ISP
// alone makes it possible at most, since that may be the way there. If the site of
// the question fails while its neighbours on the same ISP do not, its failure is
// its own, and two other ISPs must speak for the incident.
func (s scene) borrowed(sure detect.Confidence) detect.Confidence {
	if s.blamed == nil || s.all.bad == 0 || sure == detect.ConfidenceNone && 2*s.all.bad < s.all.n() {
		return sure
	}
	lent := s.blamed.Confidence
	switch {
	case s.failsAlone() && len(s.rest.badISPs) < 2:
		return sure
	case len(s.all.badISPs) < 2 && lent.Rank() > detect.ConfidenceSuspected.Rank():
		lent = detect.ConfidenceSuspected
	}
	if lent.Rank() > sure.Rank() {
		return lent
	}
	return sure
}

// failsAlone says that the site of the question fails, and that its ISP carries
// all others on it to the service.
func (s scene) failsAlone() bool {
	return s.own != nil && s.sight == bad && s.same.good > 0 && s.same.bad == 0
}

// works: the site of the question sees the service.
func (s scene) works() opinion {
	o := opinion{party: Nobody, confidence: detect.ConfidenceConfirmed,
		sentence: fmt.Sprintf("It works: %s reaches %s.", s.own.Site, s.Label), detail: s.elsewhere()}
	switch {
	case s.sight == guarded && s.others.good > 0 && s.others.guarded == 0:
		return opinion{party: Site, confidence: detect.ConfidenceSuspected, detail: s.elsewhere(),
			sentence: fmt.Sprintf("It may be %s: something refuses its requests to %s, a proxy or filter perhaps, and nobody else's.", s.own.Site, s.Label)}
	case s.sight == guarded:
		o.sentence = fmt.Sprintf("It answers: %s reaches %s, which refuses to serve a stranger.", s.own.Site, s.Label)
	case s.own.Outcome == "degraded":
		o.sentence = fmt.Sprintf("It works, but not well: %s reaches %s (%s).", s.own.Site, s.Label, cause(*s.own))
	}
	return o
}

// ownLine: the site itself says that its line, machine or resolver fails.
func (s scene) ownLine() opinion {
	if s.others.n() == 0 && s.sight == line {
		return s.unknown(fmt.Sprintf("nothing answers at %s, and no other site can say how %s is", s.own.Site, s.Label))
	}
	if s.sight == line && s.same.n() == 0 && s.rest.good > 0 {
		silent := s.silentBeside()
		switch {
		case s.same.line > 0:
			return s.isp(detect.ConfidenceProbable, fmt.Sprintf("its %s reach nothing", sites(s.same.line+1)))
		case silent > 0:
			return s.isp(detect.ConfidenceSuspected, fmt.Sprintf("%s reaches nothing, and %s on it %s silent", s.own.Site, plural(silent, "other site"), verb(silent, "is", "are")))
		}
	}
	o := opinion{party: Site, confidence: detect.ConfidenceProbable, detail: s.elsewhere()}
	if i := s.ofSite(s.own.Site); i != nil {
		o.incident = i.ID
	}
	o.sentence = fmt.Sprintf("It is %s, not %s: ", s.own.Site, s.who())
	switch {
	case s.sight == line:
		o.sentence += fmt.Sprintf("its own internet line fails, %d of %d references answer there.", s.own.RefsOK, s.own.RefsAsked)
	default:
		o.sentence += cause(*s.own) + "."
	}
	if s.others.good == 0 {
		o.sentence = fmt.Sprintf("It is %s: %s.", s.own.Site, cause(*s.own))
		if s.sight == line {
			o.sentence = fmt.Sprintf("%s's own internet line fails: %d of %d references answer there.", s.own.Site, s.own.RefsOK, s.own.RefsAsked)
		}
	}
	return o
}

// isp blames the ISP of the question's site, because of what.
func (s scene) isp(sure detect.Confidence, what string) opinion {
	o := opinion{party: ISP, confidence: sure, detail: s.otherISPs()}
	if i := s.ofISP(s.own.ISP); i != nil {
		o.incident = i.ID
		if i.Confidence.Rank() > sure.Rank() {
			o.confidence = i.Confidence
		}
	}
	is := "It is"
	if o.confidence.Rank() <= detect.ConfidenceSuspected.Rank() {
		is = "It looks like"
	}
	o.sentence = fmt.Sprintf("%s the internet provider %s, not %s: %s.", is, s.own.ISP, s.who(), what)
	return o
}

// fails: the site's line works, the service fails there, and it is no quorum.
func (s scene) fails() opinion {
	switch {
	case s.others.n() == 0:
		return s.unknown(fmt.Sprintf("%s fails at %s, and no other site can say whether it does elsewhere", s.Label, s.own.Site))
	case s.rest.bad > 0:
		return s.mixed()
	case s.failsAlone():
		return s.onlySite()
	case s.rest.good == 0:
		return s.unknown(fmt.Sprintf("%s fails at %s, and no site on another internet provider can say whether it works there", s.Label, where(s.same.bad+1, s.own.ISP)))
	}
	return s.between()
}

// onlySite: its ISP carries others to the service. While an incident about the
// service is open, that is not all there is to say.
func (s scene) onlySite() opinion {
	o := opinion{party: Site, confidence: detect.ConfidenceProbable, detail: s.elsewhere()}
	o.sentence = fmt.Sprintf("It is %s, not %s: only this site is affected; likely its firewall, a filter or a local setting.", s.own.Site, s.who())
	if s.own.Layer == "dns" {
		o.sentence = fmt.Sprintf("It is %s, not %s: the name does not resolve there, and does elsewhere; look at the site's DNS resolver.", s.own.Site, s.who())
	}
	if i := s.ofSite(s.own.Site); i != nil {
		o.incident = i.ID
	}
	if s.blamed != nil {
		o.confidence, o.incident = detect.ConfidenceSuspected, ""
		o.sentence = fmt.Sprintf("It looks like %s, not %s: others on the same internet provider reach it.", s.own.Site, s.who())
	}
	return o
}

// between: only the site's ISP is known to fail, and its own line works.
func (s scene) between() opinion {
	o := opinion{party: Path, confidence: detect.ConfidenceSuspected, detail: s.otherISPs()}
	switch {
	case s.same.bad == 0:
		o.sentence = fmt.Sprintf("It is not %s: it is between %s and %s, or %s itself; no other site on that internet provider can say which.", s.who(), cmp.Or(s.own.ISP, "its internet provider"), s.who(), s.own.Site)
	case s.same.good > 0:
		o.sentence = fmt.Sprintf("It is between %s and %s: %s on that internet provider fail, others reach it.", s.own.ISP, s.who(), sites(s.same.bad+1))
	default:
		o.sentence = fmt.Sprintf("It is between %s and %s: only sites on that internet provider fail, %s of %d.", s.own.ISP, s.who(), number(s.same.bad+1), s.same.n()+1)
		if len(s.rest.goodISPs) >= 2 {
			o.confidence = detect.ConfidenceProbable
		}
	}
	if i := s.ofPath(s.own.ISP); i != nil {
		o.incident = i.ID
		if i.Confidence.Rank() > o.confidence.Rank() {
			o.confidence = i.Confidence
		}
	}
	return o
}

// lost: no word from the site of the question. That is no evidence about its
// line; it is about the service if others see it.
func (s scene) lost() opinion {
	st, known := s.status(s.own.Site)
	gone := s.lostTogether()
	switch {
	case st.Stopped():
		return s.unknown(s.lostSince() + ", so nobody looks from there; " + s.elsewhereShort())
	case gone > 0 && s.rest.n() > 0:
		return s.isp(detect.ConfidenceSuspected, fmt.Sprintf("contact with %s on it was lost at about the same time", sites(gone)))
	case s.others.n() == 0:
		return s.unknown(s.lostSince() + ", and no other site can say how " + s.Label + " is")
	case known && !missed(st):
		return s.unknown(s.lostSince() + "; " + s.elsewhereShort())
	case s.others.good == 0:
		return s.mixed()
	}
	o := opinion{party: Site, confidence: detect.ConfidenceSuspected, detail: s.elsewhere()}
	o.sentence = fmt.Sprintf("It looks like %s, not %s: %s.", s.own.Site, s.who(), s.lostSince())
	if i := s.ofSite(s.own.Site); i != nil {
		o.incident = i.ID
		if i.LineDown {
			o.confidence = detect.ConfidenceProbable
			o.sentence = fmt.Sprintf("It is %s, not %s: its internet line is down.", s.own.Site, s.who())
		}
	}
	return o
}

// cannotLook: the site is there and may not or cannot judge.
func (s scene) cannotLook() opinion {
	return s.unknown(s.ownWord() + "; " + s.elsewhereShort())
}

// mixed: some see trouble, too few for a quorum.
func (s scene) mixed() opinion {
	if s.all.good == 0 {
		return s.unknown(fmt.Sprintf("%s fails at %s, too few to blame anybody", s.Label, s.failing()))
	}
	return s.unknown(fmt.Sprintf("mixed results, %s fails at %s; that is not enough to blame anybody", s.Label, s.failing()))
}

func (s scene) unknown(why string) opinion {
	return opinion{party: CantTell, sentence: "We can't tell: " + why + "."}
}
