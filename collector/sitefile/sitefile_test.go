package sitefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func words(problems []Problem) (list []string) {
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

func TestFilesAsSpreadsheetsWriteThem(t *testing.T) {
	want := []Row{{Line: 2, Client: "acme", Site: "Köln, Dom", Region: "eu", ISP: "AS1"}, {Line: 4, Client: "acme", Site: "lyon"}}
	for what, src := range map[string]string{
		"commas":               "client,site,region,isp\nacme,\"Köln, Dom\",eu,AS1\n\nacme,lyon,,\n",
		"another order, a BOM": "\xef\xbb\xbfISP, Region ,SITE,Client\r\nAS1,eu,\"Köln, Dom\",acme\r\n,,,\r\n,,lyon, acme \r\n",
		"what was printed":     "client,site,region,isp,hosted_by,token,token_id,expires,result\nacme,\"Köln, Dom\",eu,AS1,,pk1_x,x,,new\n\nacme,lyon,,,,,,,\n",
		"semicolons":           "client;site;region;isp;\nacme;Köln, Dom;eu;AS1;\n;;;;\nacme;lyon\n",
	} {
		rows, problems := Parse([]byte(src), nil)
		if len(problems) > 0 || !slices.Equal(rows, want) {
			t.Errorf("%s: %+v, %v", what, rows, words(problems))
		}
	}
}

func TestEveryProblemIsToldWithItsLine(t *testing.T) {
	src := "client,site,region\nacme,madrid,eu\nacme,Madrid,eu\n,porto,eu\nAcme,lyon,eu\nacme,faro,eu,more\nacme,bad,eu\n"
	_, problems := Parse([]byte(src), func(r Row) error {
		switch {
		case r.Client == "":
			return errors.New("the client is empty")
		case r.Site == "bad":
			return errors.Join(errors.New("one"), fmt.Errorf("two"))
		}
		return nil
	})
	want := []string{"line 3: the site acme/Madrid is on line 2 already", "line 4: the client is empty",
		`line 5: the client "Acme" is written "acme" on line 2: write it the same way everywhere`,
		"line 6: it has 4 fields, and the first line names 3", "line 7: one", "line 7: two"}
	if got := words(problems); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for src, says := range map[string]string{
		"":                            "is empty",
		"client,site\n":               "no rows",
		"acme,madrid\n":               "the column client is missing",
		"client,site,regoin\na,b,c\n": `no column "regoin"`,
		"client,client,site\n":        "twice",
		"client,site\n\"a,b\n":        "line 2: this is no CSV",
		"client,site\nK\xf6ln,a\n":    "CSV UTF-8",
		"client,site\n" + strings.Repeat("a,b\n", 300_000): "larger than",
	} {
		if rows, problems := Parse([]byte(src), nil); len(problems) == 0 || !strings.Contains(strings.Join(words(problems), "\n"), says) {
			t.Errorf("%.40q: %d rows, %v", src, len(rows), words(problems))
		}
	}
	var many strings.Builder
	many.WriteString("client,site\n")
	for n := range MaxRows + 1 {
		fmt.Fprintf(&many, "acme,s%d\n", n)
	}
	if _, problems := Parse([]byte(many.String()), nil); len(problems) != 1 || !strings.Contains(problems[0].Text, "more than 5000 rows") {
		t.Errorf("many rows: %v", words(problems))
	}
	if _, problems := Parse([]byte("client,site\n"+strings.Repeat("acme,x\n", 1000)), nil); len(problems) != maxProblems {
		t.Errorf("%d problems", len(problems))
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	evil := []string{"=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\t=1", " =1", "'=1", "\r=1", "plain", "", "a,\"b\"\nc", "O'Neill"}
	var b bytes.Buffer
	if err := Write(&b, [][]string{evil}); err != nil {
		t.Fatal(err)
	}
	cells, err := csv.NewReader(&b).Read()
	if err != nil {
		t.Fatal(err)
	}
	for i, cell := range cells {
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r ") {
			t.Errorf("%q stays %q", evil[i], cell)
		}
	}
	for _, name := range []string{"=cmd", "+1 Plumbing", "@home", "'quoted", "-x", "plain", "O'Neill"} {
		b.Reset()
		if err := Write(&b, [][]string{{"client", "site"}, {"acme", name}}); err != nil {
			t.Fatal(err)
		}
		rows, problems := Parse(b.Bytes(), nil)
		if len(problems) > 0 || len(rows) != 1 {
			t.Fatalf("%q: %v", name, words(problems))
		}
		if rows[0].Site != name {
			t.Errorf("%q comes back as %q", name, rows[0].Site)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("client,site\nacme,madrid\n"))
	f.Add([]byte("client;site\n\"a;b\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		rows, problems := Parse(src, nil)
		if len(problems) == 0 && len(rows) == 0 {
			t.Error("neither rows nor problems")
		}
		if len(problems) > maxProblems+1 || len(rows) > MaxRows {
			t.Errorf("%d problems, %d rows", len(problems), len(rows))
		}
	})
}
