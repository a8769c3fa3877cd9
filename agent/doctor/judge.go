package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"picket/internal/identity"
	"picket/internal/uplink"
)

// The ids of findings. They are for programs and never change.
const (
	idService   = "service"
	idFiles     = "files"
	idIdentity  = "identity"
	idClock     = "clock"
	idDNS       = "dns-collector"
	idCaptive   = "captive"
	idRewrite   = "dns-path"
	idIntercept = "tls-intercept"
	idProxy     = "proxy"
	idCollector = "collector"
	idQUIC      = "quic"
	idTCP       = "tcp"
	idPath      = "mtu"
	idEgress    = "egress"
	idInspect   = "tls-probes"
	idICMP4     = "icmp4"
	idICMP6     = "icmp6"
	idBuffer    = "buffer"
	idLoad      = "load"
	idVote      = "vote"
)

// Judge says what the evidence means, in the order in which a person would look.
func (e Evidence) Judge() Report {
	j := judge{e: e}
	j.files()
	j.identity()
	j.names()
	j.captive()
	j.rewrite()
	j.line()
	j.inspected()
	j.clock()
	j.pings()
	j.buffer()
	j.agent()
	r := Report{Schema: Schema, RunID: runID(), At: e.At, Version: e.Version, OS: e.OS, Host: e.Host,
		Agent: e.Who.Agent, Site: e.Who.Site, Findings: j.found}
	r.sum()
	return r
}

// judge collects findings. root is the first cause that explains what hangs on
// the line to the collector, "" as long as nothing does.
type judge struct {
	e     Evidence
	found []uplink.Finding
	root  string
}

func (j *judge) add(f uplink.Finding) { j.found = append(j.found, f) }

func (j *judge) pass(id, format string, args ...any) {
	j.add(uplink.Finding{ID: id, Level: uplink.LevelPass, Text: fmt.Sprintf(format, args...)})
}

func (j *judge) skip(id, because string) {
	j.add(uplink.Finding{ID: id, Level: uplink.LevelSkip, Text: "not judged: see " + because})
}

// fail adds a failure; cause says that findings about the line follow from it.
func (j *judge) fail(cause bool, f uplink.Finding) {
	f.Level = uplink.LevelFail
	j.add(f)
	if cause && j.root == "" {
		j.root = f.ID
	}
}

func (j *judge) warn(f uplink.Finding) {
	f.Level = uplink.LevelWarn
	j.add(f)
}

// connected says that the agent at work has a session now: then what a knock
// from outside it met matters less.
func (j *judge) connected() bool { return j.e.Running != nil && j.e.Running.Connected }

func (j *judge) files() {
	m := j.e.Machine
	switch {
	case m.ExeErr != nil:
		j.fail(false, uplink.Finding{ID: idFiles, Code: "E110", Text: "the program file is gone: " + m.Exe,
			Means: "usually antivirus quarantine; else somebody removed or is replacing it. The agent does not start again without it",
			Fix:   "exclude the agent's folder in the antivirus software, restore the file, install again"})
	case m.DirErr != nil && errors.Is(j.e.Who.Err, identity.ErrNotEnrolled):
		j.skip(idFiles, idIdentity)
	case m.DirErr != nil:
		j.fail(false, uplink.Finding{ID: idFiles, Text: "the state directory cannot be used: " + m.DirErr.Error(),
			Means: "the agent can neither prove who it is nor keep results", Fix: "run this as the agent's user or as an administrator, or name the right directory with --state"})
	case len(m.Loose) > 0:
		j.fail(false, uplink.Finding{ID: idFiles, Text: "open to other users: " + strings.Join(m.Loose, ", "),
			Means: "somebody else on this machine could take the agent's identity; the agent refuses to start with it", Fix: "chmod 600 the files, chmod 700 the directory, or join again"})
	default:
		j.pass(idFiles, "%s, secrets closed to others", j.e.Dir)
	}
}

// renewLate is how far past its renewal a certificate may be before it is worth
// a line: a machine that was off for a weekend catches up by itself.
const renewLate = 3 * 24 * time.Hour

func (j *judge) identity() {
	w := j.e.Who
	now := j.e.At
	if j.e.Running != nil {
		now = now.Add(j.e.Running.Offset)
		if w.Revoked.IsZero() {
			w.Revoked = j.e.Running.Revoked
		}
	}
	switch {
	case j.e.Joining:
	case errors.Is(w.Err, identity.ErrNotEnrolled) && w.Waits:
		j.warn(uplink.Finding{ID: idIdentity, Code: "E112", Text: "this machine waits for an admin's approval", Means: "nothing is watched from here until then",
			Fix: "approve it on the Picket server: picket agent approve, or the page Fleet"})
		j.root = idIdentity
	case errors.Is(w.Err, identity.ErrNotEnrolled):
		j.fail(true, uplink.Finding{ID: idIdentity, Text: "this machine is not enrolled: there is no identity in " + j.e.Dir,
			Means: "nothing is watched from here", Fix: "join with a token (picket-agent join TOKEN), or name the right directory with --state"})
	case w.Err != nil:
		j.fail(true, uplink.Finding{ID: idIdentity, Text: "the identity cannot be used: " + w.Err.Error(), Means: "the agent does not start",
			Fix: "repair what is said there, or join as a new agent: picket-agent join --force-new-identity TOKEN"})
	case !w.Revoked.IsZero():
		j.fail(true, uplink.Finding{ID: idIdentity, Text: "revoked: the Picket server does not accept agent " + w.Agent + " since " + stamp(w.Revoked),
			Means: "it was revoked, taken for a clone, or the server lost it; nothing is watched from here", Fix: "join as a new agent: picket-agent join --force-new-identity TOKEN"})
	case now.After(w.NotAfter):
		j.warn(uplink.Finding{ID: idIdentity, Text: "the certificate ended " + stamp(w.NotAfter), Means: "the agent may only renew it, which it does as soon as it reaches the Picket server",
			Fix: "see collector, quic and tcp here; after 180 days join again"})
	case now.After(w.RenewAt.Add(renewLate)):
		j.warn(uplink.Finding{ID: idIdentity, Text: "the certificate ends " + stamp(w.NotAfter) + " and was not renewed", Means: "after that the agent is only heard for renewal",
			Fix: "see collector here, and the agent's log"})
	default:
		j.pass(idIdentity, "agent %s, site %s, certificate until %s", w.Agent, w.Site, w.NotAfter.UTC().Format(time.DateOnly))
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
