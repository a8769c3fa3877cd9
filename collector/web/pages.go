package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
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
	kind    string
	body    []byte
	gzipped []byte // the same, compressed once at the start
}

// kinds are what may be served from the assets folder, by ending.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// loadPages reads the embedded files; now is the time of the pages.
func loadPages(now func() time.Time) (*pages, error) {
	p := &pages{files: map[string]file{}}
	named := map[string]string{}
	err := fs.WalkDir(assets, "assets", func(at string, d fs.DirEntry, err error) error {
		kind := kinds[path.Ext(at)]
		if err != nil || d.IsDir() || kind == "" {
			return err
		}
		body, err := assets.ReadFile(at)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		name := path.Base(at)
		named[name] = hex.EncodeToString(sum[:6]) + "-" + name
		p.files[named[name]] = file{kind, body, squeeze(body, gzip.BestCompression)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t := template.New("").Funcs(template.FuncMap{
		"asset": func(name string) (string, error) {
			if named[name] == "" {
				return "", fmt.Errorf("no asset %q", name)
			}
			return "/assets/" + named[name], nil
		},
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"stamp": func(t time.Time) string { return stamp(now(), t) },
		"clock": clock, "span": span, "age": age,
		"glyph": glyph, "stateWord": stateWord, "plural": plural, "thousands": thousands, "percent": percent, "ms": ms,
	})
	p.templates, err = t.ParseFS(assets, "assets/*.html")
	return p, err
}

// squeeze returns body compressed by gzip at a level that exists.
func squeeze(body []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		panic("web: " + err.Error())
	}
	w.Write(body)
	w.Close() // a buffer takes everything
	return b.Bytes()
}

// acceptsGzip says whether the client of r can read gzip. Clients that rank
// codings (q=0) are rare enough to be served plainly.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(coding) == "gzip" {
			return true
		}
	}
	return false
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
	w.Header().Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) && len(f.gzipped) < len(f.body) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(f.gzipped)
		return
	}
	w.Write(f.body)
}

// draw executes a template, or answers that it cannot and returns nil.
func (s *Server) draw(w http.ResponseWriter, name string, data any) []byte {
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, name, data); err != nil {
		s.o.Log.Error("page", "name", name, "err", err)
		http.Error(w, "the page could not be drawn; the reason is in the collector's log", http.StatusInternalServerError)
		return nil
	}
	return b.Bytes()
}

// html writes a whole page.
func (s *Server) html(w http.ResponseWriter, status int, name string, data any) {
	if body := s.draw(w, name, data); body != nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		w.Write(body)
	}
}

// squeezed writes a page that may be large, compressed if the client can read
// it. Only for pages that show nothing of the request beside a form's token:
// else compression would let somebody who counts bytes guess the token.
func (s *Server) squeezed(w http.ResponseWriter, r *http.Request, name string, data any) {
	w.Header().Set("Vary", "Accept-Encoding")
	if !acceptsGzip(r) {
		s.html(w, http.StatusOK, name, data)
		return
	}
	if body := s.draw(w, name, data); body != nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(squeeze(body, gzip.DefaultCompression))
	}
}

// message is a page that only says something.
type message struct {
	frame
	Text, Detail   string
	Back, BackName string // where to go on; "" nowhere
}

// nothing answers 404 with a page: what is one sentence, why may be "", back is
// the page that goes on, under name.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request, what, why, back, name string) {
	fr := s.frame(r, strings.TrimPrefix(back, "/"), "Not found")
	s.html(w, http.StatusNotFound, "message.html", message{fr, what, why, back, name})
}

// broken answers 500 with a page that tells nothing, and logs err, which tells what.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, active string, err error) {
	if r.Context().Err() != nil {
		return // the reader has left
	}
	s.o.Log.Error("page", "path", r.URL.Path, "err", err)
	s.html(w, http.StatusInternalServerError, "message.html", message{frame: s.frame(r, active, "No answer"),
		Text: "The Picket server could not answer.", Detail: "The reason is in its log. Try again in a moment."})
}

// lookRoutes adds the pages now and incident, and the stream of events.
func (s *Server) lookRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /incidents", s.incidentsPage)
	mux.HandleFunc("GET /incidents/{id}", s.incidentPage)
	mux.HandleFunc("GET /events", s.events)
	s.handlingRoutes(mux)
	s.noticeRoutes(mux)
}

// page answers /.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.broken(w, r, "now", err)
		return
	}
	s.squeezed(w, r, "now.html", v)
}

// view gathers what the page shows.
func (s *Server) view(r *http.Request) (view, error) {
	ctx, src := r.Context(), s.source(r)
	st, err := src.Status(ctx)
	if err != nil {
		return view{}, fmt.Errorf("status for the page: %w", err)
	}
	all, err := src.Incidents(ctx, false, 50)
	if err != nil {
		return view{}, fmt.Errorf("incidents for the page: %w", err)
	}
	fr, snap := s.frame(r, "now", ""), src.Snapshot()
	said, err := officials(ctx, fr.Now, src, snap.Open)
	if err != nil {
		return view{}, err
	}
	return build(fr, facts{snap, st, all, src.Unready(ctx), src.Provider, said, src.Planned()}), nil
}

// lost answers for every path that nobody else does: with a page to a browser,
// in JSON to programs.
func (s *Server) lost(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/") {
		s.nothing(w, r, "There is no such page.", "", "/", "All clouds")
		return
	}
	notFound(w, r)
}
