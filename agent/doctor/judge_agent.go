package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"picket/internal/uplink"
	"picket/probes"
)

func (j *judge) pings() {
	j.ping(idICMP4, j.e.Ping4)
	if j.e.NoV6 {
		j.pass(idICMP6, "this machine has no IPv6")
	} else {
		j.ping(idICMP6, j.e.Ping6)
	}
}

// ping without rights is a warning: every other kind of check works.
func (j *judge) ping(id string, err error) {
	f := uplink.Finding{ID: id, Means: "ping checks from here are left out; everything else is watched"}
	e, _ := errors.AsType[*echoError](err)
	switch {
	case err == nil:
		j.pass(id, "echo requests work")
	case e != nil && e.cause == probes.LocalPermission:
		f.Text = "this account may not send echo requests"
		f.Fix = "give the service CAP_NET_RAW (our unit does), or: sysctl -w net.ipv4.ping_group_range='0 2147483647'"
		j.warn(f)
	default:
		f.Text = "no echo reply from this machine itself: " + oneLine(err.Error())
		f.Fix = "look for a local firewall that drops ICMP"
		j.warn(f)
	}
}

// Bounds of the disk buffer. An agent keeps at most 256 MiB of results by default;
// a usual one makes 1-2 MB a day. [E]
const (
	diskLow   = 300 << 20
	diskOut   = 20 << 20
	waitMuch  = 10 * time.Minute // results that are older should be at the collector
	usualRate = 2 << 20          // bytes a day
)

func (j *judge) buffer() {
	m := j.e.Machine
	f := uplink.Finding{ID: idBuffer, Fix: "free some space there, or put the state on another disk (--state)"}
	r := j.e.Running
	switch {
	case m.DirErr != nil:
		j.skip(idBuffer, idFiles)
	case m.Full != nil:
		f.Text, f.Means = "the state directory cannot be written: "+m.Full.Error(), "results are kept in memory only, and lost if the agent stops"
		if strings.Contains(m.Full.Error(), "permission denied") {
			f.Fix = "run this as the agent's user or as an administrator; is the disk read-only?"
		}
		j.fail(false, f)
	case r != nil && r.SpoolErr != "":
		f.Text, f.Means = "the agent cannot write results: "+oneLine(r.SpoolErr), "results are kept in memory only, and lost if the agent stops"
		j.fail(false, f)
	case m.FreeErr == nil && m.Free < diskOut:
		f.Text, f.Means = "only "+size(m.Free)+" free for "+j.e.Dir, "results are lost while the Picket server is away"
		j.fail(false, f)
	case m.FreeErr == nil && m.Free < diskLow:
		f.Text, f.Means = "only "+size(m.Free)+" free for "+j.e.Dir, "while the Picket server is away, fewer results are kept than should be"
		j.warn(f)
	case r != nil && r.Connected && !r.Oldest.IsZero() && r.Pending > 0 && j.e.At.Sub(r.Oldest) > waitMuch:
		f.Text = fmt.Sprintf("%d results wait, the oldest for %s, though the Picket server answers", r.Pending, j.e.At.Sub(r.Oldest).Round(time.Minute))
		f.Means, f.Fix = "this line, or the server's database, is slower than the results come", "look at the server: picket status; if it is well, at this site's line"
		j.warn(f)
	case r != nil && r.Dropped > 0:
		f.Text, f.Means = fmt.Sprintf("%d results were lost since the agent started", r.Dropped), "the disk refused them, or the Picket server was away for too long"
		j.warn(f)
	default:
		j.pass(idBuffer, "%s", j.room())
	}
}

func (j *judge) room() string {
	text := j.e.Dir
	if m := j.e.Machine; m.FreeErr == nil {
		text += fmt.Sprintf(", %s free (keeps about %d days of results)", size(m.Free), min(m.Free, 256<<20)/usualRate)
	}
	if r := j.e.Running; r != nil {
		text += fmt.Sprintf(", %d results wait", r.Pending)
	}
	return text
}

func size(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MB", n>>20)
}

// Ceilings of an agent: what its service unit allows. [E]
const (
	cpuMuch = 25        // percent of one core
	rssMuch = 128 << 20 // bytes
)

// agent judges what the agent at work tells of itself.
func (j *judge) agent() {
	if j.e.Joining {
		return
	}
	r := j.e.Running
	if r == nil {
		j.notRunning()
		return
	}
	switch up := j.e.At.Sub(r.Started).Round(time.Second); {
	case r.KeptOut != "":
		j.fail(false, uplink.Finding{ID: idService, Code: r.KeptOut, Text: oneLine(r.KeptOutText), Means: "the Picket server does not let this agent in; what it sees is kept on disk",
			Fix: oneLine(r.KeptOutFix)})
	case r.Version != j.e.Version:
		j.warn(uplink.Finding{ID: idService, Text: fmt.Sprintf("version %s runs, %s is installed", r.Version, j.e.Version),
			Means: "an upgrade is not in use yet", Fix: "restart the service: picket-agent service stop, then start"})
	case !r.Connected && j.root == "":
		j.fail(false, uplink.Finding{ID: idService, Text: "the agent runs but is not connected, though the Picket server answers from here",
			Means: "results wait on this machine", Fix: "see why in the agent's log; a restart of the service may help"})
	default:
		j.pass(idService, "runs for %s, version %s%s", up, r.Version, by(", connected over ", r.Transport))
	}
	if r.CPU > cpuMuch || r.RSS > rssMuch {
		j.warn(uplink.Finding{ID: idLoad, Text: fmt.Sprintf("%.0f %% of a core, %s of memory", r.CPU, size(r.RSS)),
			Means: "more than an agent should take; its probes may be late", Fix: "fewer checks or longer intervals for this site; see also what else runs here"})
	} else {
		j.pass(idLoad, "%.1f %% of a core, %s of memory", r.CPU, size(r.RSS))
	}
	switch {
	case j.root != "":
		j.skip(idVote, j.root)
	case !r.Connected:
		j.skip(idVote, idService)
	case r.Checks == 0:
		j.warn(uplink.Finding{ID: idVote, Text: "there is nothing to check", Means: "the Picket server gave this site no targets", Fix: "add some there: picket config validate, picket config apply"})
	case !r.Voting:
		j.warn(uplink.Finding{ID: idVote, Text: "the results of this site do not count now: " + oneLine(r.Why), Means: "it does not vote on outages until that is over",
			Fix: "if it says references: this site's own line has trouble"})
	default:
		j.pass(idVote, "checks: %d; the results of this site count", r.Checks)
	}
}

func (j *judge) notRunning() {
	switch {
	case j.root == idIdentity:
		j.skip(idService, idIdentity)
	case errors.Is(j.e.RunErr, ErrOtherUser):
		j.warn(uplink.Finding{ID: idService, Text: "the agent's status may only be read by its own user", Means: "how it is doing could not be looked at",
			Fix: "run this as that user, or as root or administrator"})
	case j.e.Service == "running" && j.e.OS == "windows": // before 1803 it opens no socket
		j.warn(uplink.Finding{ID: idService, Text: "the service runs, but does not answer", Means: "how it is doing could not be looked at; on Windows Server 2016 and Windows 10 before 1803 that is always so",
			Fix: "nothing, if the Picket server hears it (picket agent list there); else see the agent's log and restart the service"})
	default:
		fix := "start it: picket-agent service start"
		if !strings.HasPrefix(j.e.Service, "installed") {
			fix += ", or picket-agent run --state " + j.e.Dir
		}
		j.fail(false, uplink.Finding{ID: idService, Text: "no agent runs on " + j.e.Dir + by("; the service is ", j.e.Service), Means: "nothing is watched from here", Fix: fix})
	}
	j.skip(idLoad, idService)
	j.skip(idVote, idService)
}

// oneLine makes text that came from elsewhere one line of printable characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}
