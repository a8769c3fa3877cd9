package sitefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a file. 5,000 sites are ten times the largest fleet that one
// collector is tested with, and a row of four long names is below 200 bytes.
const (
	MaxSize = 1 << 20
	MaxRows = 5000

	maxProblems = 100 // told at once
)

// The columns. Those after site may be left out.
const (
	colClient = "client"
	colSite   = "site"
	colRegion = "region"
	colISP    = "isp"
	colHosted = "hosted_by"
)

var columns = []string{colClient, colSite, colRegion, colISP, colHosted}

// Columns that picket site import adds: what it printed can be imported again.
var added = []string{"token", "token_id", "expires", "result"}

// Row is one site of a file.
type Row struct {
	Line                                int // where it begins, from 1
	Client, Site, Region, ISP, HostedBy string
}

// Problem is something wrong with a file. Line 0 is the file as a whole.
type Problem struct {
	Line int
	Text string
}

// String is the problem with its line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Parse reads a file. What is wrong with it is in problems, all of it up to a
// hundred; rows are of use only if there are none. check says what else is wrong
// with a row, nil nothing.
func Parse(src []byte, check func(Row) error) (rows []Row, problems []Problem) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	switch {
	case len(src) > MaxSize:
		return nil, []Problem{{0, fmt.Sprintf("the file is larger than %d bytes", MaxSize)}}
	case !utf8.Valid(src):
		return nil, []Problem{{0, "the file is not UTF-8 text: save it as CSV UTF-8"}}
	}
	r := csv.NewReader(bytes.NewReader(src))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = separator(src), -1, true, true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, []Problem{{0, "the file is empty: the first line must name the columns, such as client,site,region,isp"}}
	}
	if err != nil {
		return nil, []Problem{broken(err)}
	}
	at, problems := header(head)
	if len(problems) > 0 {
		return nil, problems
	}
	p := parser{at: at, width: len(head), check: check, seen: map[string]Row{}}
	for len(p.problems) < maxProblems {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.problems = append(p.problems, broken(err))
			break // where the next row begins is not known
		}
		if len(p.rows) == MaxRows {
			p.problems = append(p.problems, Problem{0, fmt.Sprintf("the file has more than %d rows: split it", MaxRows)})
			break
		}
		line, _ := r.FieldPos(0)
		p.row(line, cells)
	}
	if len(p.rows) == 0 && len(p.problems) == 0 {
		p.problems = append(p.problems, Problem{0, "the file has no rows behind its first line"})
	}
	return p.rows, p.problems
}

// separator is a semicolon if the first line has one and no comma.
func separator(src []byte) rune {
	line, _, _ := bytes.Cut(src, []byte("\n"))
	if bytes.IndexByte(line, ';') >= 0 && bytes.IndexByte(line, ',') < 0 {
		return ';'
	}
	return ','
}

func broken(err error) Problem {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return Problem{e.StartLine, "this is no CSV: " + e.Err.Error()}
	}
	return Problem{0, err.Error()}
}

// header finds the columns.
func header(cells []string) (at map[string]int, problems []Problem) {
	at = map[string]int{}
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		_, twice := at[name]
		switch {
		case name == "" && i == len(cells)-1: // a line that ends in a comma
		case slices.Contains(added, name):
		case !slices.Contains(columns, name):
			problems = append(problems, Problem{1, fmt.Sprintf("there is no column %.40q; known are %s", cell, strings.Join(columns, ", "))})
		case twice:
			problems = append(problems, Problem{1, fmt.Sprintf("the column %s is there twice", name)})
		default:
			at[name] = i
		}
	}
	for _, must := range []string{colClient, colSite} {
		if _, ok := at[must]; !ok {
			problems = append(problems, Problem{1, fmt.Sprintf("the column %s is missing; the first line must name the columns, such as client,site,region,isp", must)})
		}
	}
	return at, problems
}

// parser collects rows and problems.
type parser struct {
	at       map[string]int
	width    int
	check    func(Row) error
	rows     []Row
	problems []Problem
	seen     map[string]Row // by folded client/site, and by folded client alone
}

func (p *parser) wrong(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{line, fmt.Sprintf(format, args...)})
}

func (p *parser) row(line int, cells []string) {
	if !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" }) {
		return // an empty line of a spreadsheet
	}
	if len(cells) > p.width && strings.TrimSpace(strings.Join(cells[p.width:], "")) != "" {
		p.wrong(line, "it has %d fields, and the first line names %d", len(cells), p.width)
		return
	}
	cell := func(name string) string {
		if i, ok := p.at[name]; ok && i < len(cells) {
			return plain(strings.TrimSpace(cells[i]))
		}
		return ""
	}
	r := Row{Line: line, Client: cell(colClient), Site: cell(colSite), Region: cell(colRegion), ISP: cell(colISP), HostedBy: cell(colHosted)}
	if p.check != nil {
		for _, text := range each(p.check(r)) {
			p.wrong(line, "%s", text)
		}
	}
	site, client := strings.ToLower(r.Client+"/"+r.Site), strings.ToLower(r.Client)
	if was, ok := p.seen[site]; ok {
		p.wrong(line, "the site %s/%s is on line %d already", r.Client, r.Site, was.Line)
	} else if was, ok := p.seen[client]; ok && was.Client != r.Client {
		p.wrong(line, "the client %q is written %q on line %d: write it the same way everywhere", r.Client, was.Client, was.Line)
	}
	if _, ok := p.seen[client]; !ok {
		p.seen[client] = r
	}
	p.seen[site] = r
	p.rows = append(p.rows, r)
}

// each are the errors that err joins, in words: [errors.Join] puts them on lines.
func each(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}
