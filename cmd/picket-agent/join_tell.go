package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"picket/agent"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// joined is what a join came to: schema picket.join/v1, to which fields may be
// added. Result is "enrolled", "already-enrolled", "waiting" or "failed".
type joined struct {
	Schema    string           `json:"schema"`
	Time      time.Time        `json:"generated_at"`
	Result    string           `json:"result"`
	Exit      int              `json:"exit"`
	Preflight []uplink.Finding `json:"preflight,omitempty"`
	Agent     string           `json:"agent,omitempty"`
	Client    string           `json:"client,omitempty"`
	Site      string           `json:"site,omitempty"`
	SeenFrom  string           `json:"seen_from,omitempty"`
	Adds      string           `json:"adds,omitempty"`
	State     string           `json:"state,omitempty"`
	Replaced  string           `json:"replaced,omitempty"` // the agent that was there before
	Service   string           `json:"service,omitempty"`  // whether the service was started, or what to run
	Error     *told            `json:"error,omitempty"`
}

// told is a failure for programs.
type told struct {
	Code string `json:"code,omitempty"` // E1xx
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Fix  string `json:"fix,omitempty"`
}

// telling says how a join goes: in words as it goes, or for programs at its end.
type telling struct {
	out, err    io.Writer
	plain, json bool
	j           joined
}

// text is where words for people go; nowhere if programs listen.
func (t *telling) text() io.Writer {
	if t.plain || t.json {
		return io.Discard
	}
	return t.out
}

// rowLabels are the findings that the table of a join shows, and how it calls them.
var rowLabels = [...][2]string{
	{"clock", "clock"}, {"dns-collector", "dns"}, {"captive", "log-in page"}, {"quic", "udp (quic)"}, {"tcp", "tcp (tls)"}, {"mtu", "path mtu"}, {"proxy", "proxy"},
	{"icmp4", "icmp"}, {"buffer", "disk buffer"},
}

// preflight prints the table. A failure is told at the end, once.
func (t *telling) preflight(all []uplink.Finding) {
	t.j.Preflight = all
	w := t.text()
	fmt.Fprintln(w, "Preflight")
	for _, row := range rowLabels {
		for _, f := range all {
			if f.ID != row[0] || quiet(f.ID) && f.Level < uplink.LevelWarn {
				continue
			}
			level := f.Level.String()
			if f.Level < uplink.LevelWarn {
				level = map[uplink.Level]string{uplink.LevelPass: "ok", uplink.LevelSkip: "skip"}[f.Level]
			}
			fmt.Fprintf(w, "  %-4s  %-12s %s\n", level, row[1], f.Text)
			if f.Level != uplink.LevelWarn {
				continue
			}
			for _, l := range []string{f.Means, "fix: " + f.Fix, helpLine(f.Code)} {
				if l != "" && l != "fix: " {
					fmt.Fprintf(w, "%21s%s\n", "", l)
				}
			}
		}
	}
}

// quiet are the findings that the table shows only if something is wrong.
func quiet(id string) bool { return id == "proxy" || id == "captive" || id == "mtu" }

func helpLine(code string) string {
	if code == "" {
		return ""
	}
	return "help: picket-agent help " + code
}

func (t *telling) enrolled(res uplink.EnrolResponse, o agent.JoinOptions, old *identity.Bundle) {
	t.j.Result, t.j.Agent, t.j.Client, t.j.Site, t.j.State = "enrolled", res.Agent, res.Client, res.Site, o.Dir
	t.j.SeenFrom, t.j.Adds = res.Network.Name, res.Outlook
	if res.SeenFrom.IsValid() && !strings.Contains(t.j.SeenFrom, res.SeenFrom.Addr().String()) {
		t.j.SeenFrom = strings.TrimPrefix(t.j.SeenFrom+", "+res.SeenFrom.Addr().String(), ", ")
	}
	w := t.text()
	fmt.Fprintf(w, "Enrolled   agent %s for client %s, site %s\n", res.Agent, res.Client, res.Site)
	fmt.Fprintf(w, "Seen from  %s\n", t.j.SeenFrom)
	if res.Outlook != "" {
		fmt.Fprintf(w, "Adds       %s\n", res.Outlook)
	}
	fmt.Fprintf(w, "Stored in  %s (key and certificate, readable by this user only)\n", o.Dir)
	if old != nil {
		t.j.Replaced = old.AgentID()
		fmt.Fprintf(w, "Replaced   agent %s; what belonged to it is in %s\n", old.AgentID(), filepath.Join(o.Dir, "old-identity-*"))
	}
}

// begin has the service manager start the agent, if there is one for this
// directory, and says so, or what to do instead.
func (t *telling) begin(state string) {
	var said bytes.Buffer
	startService(&said, state)
	t.j.Service = oneLine(said.String())
	fmt.Fprint(t.text(), said.String())
}

// already says that nothing happened, and what was therefore ignored.
func (t *telling) already(b *identity.Bundle, o agent.JoinOptions) {
	i := b.Info()
	t.j.Result, t.j.Agent, t.j.Client, t.j.Site, t.j.State = "already-enrolled", i.Agent, i.Client, i.Site, o.Dir
	w := t.text()
	fmt.Fprintf(w, "Already enrolled as %s (client %s, site %s). Nothing was changed and the token was not used.\n", i.Agent, i.Client, i.Site)
	if len(o.Policy.Allow)+len(o.Policy.Deny) > 0 {
		fmt.Fprintln(w, "The flags --allow and --deny were ignored: the policy of the old enrolment stays in force.")
	}
	fmt.Fprintln(w, "To join as a new agent, say after a revocation, use: picket-agent join --force-new-identity TOKEN")
}

// end prints the outcome for programs, if they listen, and keeps main from saying
// the same again.
func (t *telling) end(err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.code == exitOK && !t.plain && !t.json {
		fmt.Fprintf(t.out, "%s\n", f.Error()) // E112: a good end, for now
		return nil
	}
	if !t.plain && !t.json {
		return err
	}
	t.j.Schema, t.j.Time = "picket.join/v1", time.Now().UTC()
	if err != nil {
		t.failed(err)
	}
	if t.json {
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(t.j); err != nil {
			return &failure{exitInternal, "cannot print the outcome", err, ""}
		}
	} else {
		t.lines()
	}
	if t.j.Exit != exitOK {
		return found(t.j.Exit)
	}
	return nil
}

func (t *telling) failed(err error) {
	t.j.Result, t.j.Exit, t.j.Error = "failed", exitUsage, &told{What: err.Error()}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return
	}
	code := pageCode(f.what)
	t.j.Exit = f.code
	t.j.Error = &told{Code: code, What: strings.TrimPrefix(f.what, code+" "), Fix: f.fix}
	if f.why != nil {
		t.j.Error.Why = f.why.Error()
	}
	if code == "E112" {
		t.j.Result = "waiting"
	}
}

// lines prints key=value; a value with spaces or quotes is quoted.
func (t *telling) lines() {
	put := func(key, value string) {
		if value == "" {
			return
		}
		if strings.ContainsAny(value, " \t\"'=\\") {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(t.out, "%s=%s\n", key, value)
	}
	for _, f := range t.j.Preflight {
		put("preflight."+f.ID, f.Level.String())
		if f.Level >= uplink.LevelWarn {
			put("preflight."+f.ID+".text", f.Text)
			put("preflight."+f.ID+".code", f.Code)
		}
	}
	put("agent", t.j.Agent)
	put("client", t.j.Client)
	put("site", t.j.Site)
	put("seen_from", t.j.SeenFrom)
	put("adds", t.j.Adds)
	put("state", t.j.State)
	put("replaced", t.j.Replaced)
	put("service", t.j.Service)
	if e := t.j.Error; e != nil {
		put("error.code", e.Code)
		put("error.what", e.What)
		put("error.why", e.Why)
		put("error.fix", e.Fix)
	}
	put("result", t.j.Result)
	put("exit", strconv.Itoa(t.j.Exit))
}
