package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"picket/collector/detect"
)

//go:embed assets
var assets embed.FS

// pages are the parsed templates and the assets under names that change with
// their content, so that browsers may keep them for ever.
type pages struct {
	templates *template.Template
	files     map[string]file // by name in URLs
}

type file struct {
	kind string
	body []byte
}

func loadPages() (*pages, error) {
	p := &pages{files: map[string]file{}}
	named := map[string]string{}
	for name, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		body, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		named[name] = hex.EncodeToString(sum[:6]) + "-" + name
		p.files[named[name]] = file{kind, body}
	}
	t := template.New("").Funcs(template.FuncMap{
		"asset": func(name string) string { return "/assets/" + named[name] },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock": clock,
	})
	var err error
	p.templates, err = t.ParseFS(assets, "assets/*.html")
	return p, err
}

// asset answers our style sheet, script and icon.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := s.pages.files[r.PathValue("name")]
	if !ok {
		notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", f.kind)
	w.Write(f.body)
}

// html writes a whole page.
func (s *Server) html(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, name, data); err != nil {
		s.o.Log.Error("page", "name", name, "err", err)
		http.Error(w, "the page could not be drawn; the reason is in the collector's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// lookRoutes adds the pages now and incident, and the stream of events.
func (s *Server) lookRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /incidents/{id}", s.incidentPage)
	mux.HandleFunc("GET /events", s.events)
}

// page answers /.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.o.Log.Error("page", "err", err)
		http.Error(w, "the collector could not answer; the reason is in its log", http.StatusInternalServerError)
		return
	}
	s.html(w, http.StatusOK, "now.html", v)
}

// view gathers what the page shows.
func (s *Server) view(r *http.Request) (view, error) {
	ctx := r.Context()
	st, err := s.o.Source.Status(ctx)
	if err != nil {
		return view{}, fmt.Errorf("status for the page: %w", err)
	}
	all, err := s.o.Source.Incidents(ctx, false, 50)
	if err != nil {
		return view{}, fmt.Errorf("incidents for the page: %w", err)
	}
	return build(s.o.Now(), s.o.Source.Snapshot(), st, all, s.o.Source.Unready(ctx), s.o.Source.Provider), nil
}

// incidentView is the page of one incident.
type incidentView struct {
	Now      time.Time
	I        detect.Incident
	Line     incidentLine
	Steps    []step
	Evidence []detect.Evidence // failing sites first
	Counts   string
	Reason   string // "" if the summary says it already
}

// step is one moment of an incident's clock.
type step struct{ Time, Text string }

// incidentPage answers /incidents/{id}.
func (s *Server) incidentPage(w http.ResponseWriter, r *http.Request) {
	i, err := s.o.Source.Incident(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, ErrNotFound):
		s.html(w, http.StatusNotFound, "missing.html", nil)
		return
	case err != nil:
		s.o.Log.Error("incident page", "err", err)
		http.Error(w, "the collector could not answer; the reason is in its log", http.StatusInternalServerError)
		return
	}
	now := s.o.Now()
	v := incidentView{Now: now, I: i, Line: line(now, i), Steps: steps(i), Evidence: slices.Clone(i.Evidence)}
	order := []string{"down", "degraded", "silent", "abstain", "up"}
	for k := range v.Evidence {
		v.Evidence[k].Why = detect.WhyWords(v.Evidence[k].Why)
	}
	slices.SortStableFunc(v.Evidence, func(a, b detect.Evidence) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Answer), slices.Index(order, b.Answer)), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Target, b.Target))
	})
	if !strings.Contains(i.Summary, i.Reason.Text) {
		v.Reason = i.Reason.Text
	}
	if i.Sites > 0 {
		v.Counts = fmt.Sprintf("%d of %s on %d of %s", i.DownSites, plural(i.Sites, "site"), i.DownNetworks, plural(i.Networks, "ISP"))
	}
	s.html(w, http.StatusOK, "incident.html", v)
}

// steps are the moments of an incident, each with the time since the first.
func steps(i detect.Incident) []step {
	var out []step
	first := cmp.Or(i.Started, i.Opened)
	add := func(t time.Time, text string) {
		if t.IsZero() {
			return
		}
		if since := t.Sub(first); since > 0 {
			text += " (after " + span(since) + ")"
		}
		out = append(out, step{stamp(t), text})
	}
	add(i.Started, "first failure seen")
	add(i.Opened, "declared")
	add(i.Confirmed, "confirmed")
	add(i.Reopened, "came back")
	add(i.Recovered, "healthy again")
	add(i.Resolved, "resolved")
	return out
}
