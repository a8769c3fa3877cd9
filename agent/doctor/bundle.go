package doctor

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// File is one file of a bundle.
type File struct {
	Name  string
	About string // one line for people
	Data  []byte
}

// maxBundleFile bounds each file of a bundle; of a longer one the end is kept,
// which is what a log is read for.
const maxBundleFile = 1 << 20

// WriteBundle writes a zip with the report and files, each of them redacted, and a
// README that says what is inside. It returns the files as they were written.
func WriteBundle(w io.Writer, r Report, files []File) ([]File, error) {
	var text bytes.Buffer
	r.WriteText(&text)
	report, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	all := append([]File{
		{"doctor.txt", "what the doctor found, for people", text.Bytes()},
		{"doctor.json", "the same for programs", report},
	}, files...)
	for i := range all {
		all[i].Data = []byte(Redact(string(all[i].Data[max(0, len(all[i].Data)-maxBundleFile):])))
	}
	all = append([]File{{"README.txt", "what is inside", contents(r, all)}}, all...)
	z := zip.NewWriter(w)
	for _, f := range all {
		out, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: r.At.UTC().Truncate(time.Second)})
		if err == nil {
			_, err = out.Write(f.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("write %s into the bundle: %w", f.Name, err)
		}
	}
	return all, z.Close()
}

func contents(r Report, files []File) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "A bundle for support of the Picket agent on %s, made %s, run %s.\n", oneLine(r.Host), stamp(r.At), r.RunID)
	fmt.Fprint(&b, "It was written to this machine only; nothing was uploaded. Join tokens, keys and passwords\nwere removed. It holds host names, addresses and what is watched from this site.\n\n")
	for _, f := range files {
		fmt.Fprintf(&b, "%-16s %s\n", f.Name, f.About)
	}
	return b.Bytes()
}
