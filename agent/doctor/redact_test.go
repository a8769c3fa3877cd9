package doctor

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestNothingSecretIsLeft(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----"
	for text, keeps := range map[string]string{
		"join pk1_AbC-dEf_0123456789 done":                                    "done",
		"two pk1_s3cr3tA and pk1_s3cr3tB":                                     "and",
		"before\n" + key + "\nafter":                                          "after",
		"cut off -----BEGIN EC PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49":        "cut off",
		"proxy http://ana:s3cr3t@10.0.0.5:3128/x refused":                     "10.0.0.5:3128/x refused",
		"proxy http://ana:s3cr3t%40home@proxy.example:3128":                   "proxy.example:3128",
		"proxy http://ana:p@s3cr3t@proxy.example:3128 refused":                "proxy.example:3128 refused",
		"Authorization: Basic czNjcjN0OnMzY3IzdA==":                           "Authorization",
		"header Bearer s3cr3ts3cr3t.x-y_z sent":                               "sent",
		`{"password":"s3cr3t","host":"a.example"}`:                            `"host":"a.example"`,
		`{\"password\":\"s3cr3t\",\"host\":\"a.example\"}`:                    "a.example",
		`msg="x" token=s3cr3t site=acme/madrid`:                               "site=acme/madrid",
		`api_key: 's3cr3t with spaces' next`:                                  "next",
		"PICKET_TOKEN=s3cr3t other=1":                                         "other=1",
		"client-secret = s3cr3t;next":                                         "next",
		"GET https://h.example/p?sig=s3cr3t&n=1":                              "n=1",
		"X-Api-Key: s3cr3t\nHost: a.example":                                  "Host: a.example",
		"Cookie: s3cr3t":                                                      "Cookie",
		"err=\"dial http://u:s3cr3t@p:1: refused\" time=2026-03-04T12:00:00Z": "2026-03-04T12:00:00Z",
	} {
		got := Redact(text)
		for _, secret := range []string{"s3cr3t", "MIGH", "AbC-dEf", "czNj"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q keeps %q: %q", text, secret, got)
			}
		}
		if !strings.Contains(got, keeps) {
			t.Errorf("%q lost %q: %q", text, keeps, got)
		}
	}
	for _, harmless := range []string{
		`time=2026-03-04T12:00:00Z level=INFO msg=connected network="AS64500 Example Fibre"`,
		"12 tokens, 3 keys; the secret of success", "https://picket.example.com/path@2", "mail ana@example.com",
	} {
		if got := Redact(harmless); got != harmless {
			t.Errorf("%q became %q", harmless, got)
		}
	}
}

func TestABundleSaysWhatIsInsideAndHoldsNoSecret(t *testing.T) {
	r := scenes()["both-blocked"].Judge()
	r.Findings[0].Text += " http://ana:s3cr3t@proxy:1"
	long := bytes.Repeat([]byte("x"), maxBundleFile)
	var b bytes.Buffer
	files, err := WriteBundle(&b, r, []File{
		{"log.txt", "log lines", []byte("token=s3cr3t msg=hello\n")},
		{"long.txt", "a long file", append(append([]byte("beginning"), long...), "end"...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var readme string
	for i, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "s3cr3t") {
			t.Errorf("%s has a secret", f.Name)
		}
		if f.Name != files[i].Name || len(text) != len(files[i].Data) {
			t.Errorf("%s is told as %s of %d bytes", f.Name, files[i].Name, len(files[i].Data))
		}
		switch f.Name {
		case "README.txt":
			readme = string(text)
		case "log.txt":
			if !strings.Contains(string(text), "msg=hello") {
				t.Errorf("the log lost more than its secret: %s", text)
			}
		case "long.txt":
			if len(text) > maxBundleFile || !bytes.HasSuffix(text, []byte("end")) {
				t.Errorf("of a long file the end is kept; %d bytes", len(text))
			}
		}
	}
	for _, says := range []string{"doctor.txt", "doctor.json", "log.txt", "nothing was uploaded", "acme-mad-srv01"} {
		if !strings.Contains(readme, says) {
			t.Errorf("the README does not say %q: %s", says, readme)
		}
	}
}
