package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colour is linear RGB, each from 0 to 1.
type colour [3]float64

// themes reads the variables of style.css: light, and dark with what it leaves as it is.
func themes(t *testing.T) map[string]map[string]colour {
	t.Helper()
	css, err := assets.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("no dark theme")
	}
	dark, _, _ = strings.Cut(dark, "} }")
	read := func(text string, into map[string]colour) map[string]colour {
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6});`).FindAllStringSubmatch(text, -1) {
			var c colour
			for k := range c {
				v, _ := strconv.ParseUint(m[2][2*k:2*k+2], 16, 8)
				if s := float64(v) / 255; s <= 0.04045 {
					c[k] = s / 12.92
				} else {
					c[k] = math.Pow((s+0.055)/1.055, 2.4)
				}
			}
			into[m[1]] = c
		}
		return into
	}
	return map[string]map[string]colour{"light": read(light, map[string]colour{}), "dark": read(dark, map[string]colour{})}
}

// contrast is that of WCAG 2, from 1 to 21.
func contrast(a, b colour) float64 {
	y := func(c colour) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(y(a), y(b)) / min(y(a), y(b))
}

// TestPaletteContrast holds WCAG 2.2 AA: 4.5:1 for text, 3:1 for glyphs and edges.
func TestPaletteContrast(t *testing.T) {
	grounds := []string{"ground", "panel", "oktint", "degradedtint", "downtint", "nodatatint"}
	for theme, v := range themes(t) {
		check := func(front, back string, least float64) {
			a, okA := v[front]
			b, okB := v[back]
			if !okA || !okB {
				t.Fatalf("%s: no colour %s or %s", theme, front, back)
			}
			if got := contrast(a, b); got < least {
				t.Errorf("%s: %s on %s is %.2f:1, wants %.1f:1", theme, front, back, got, least)
			}
		}
		for _, ground := range grounds {
			for _, text := range []string{"ink", "soft", "link"} {
				check(text, ground, 4.5)
			}
			for _, glyph := range []string{"ok", "degraded", "down", "nodata"} {
				if ground == "ground" || ground == "panel" || ground == glyph+"tint" {
					check(glyph, ground, 3)
				}
			}
		}
		check("onlink", "link", 4.5)
		check("edge", "ground", 3)
		check("edge", "panel", 3)
	}
}

// TestPaletteForColourBlindEyes keeps the states apart (CIE 1976 difference) for
// the three kinds of colour blindness, as simulated by Machado and others (2009).
func TestPaletteForColourBlindEyes(t *testing.T) {
	eyes := map[string][9]float64{
		"normal": {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protan": {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deutan": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritan": {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
	states := []string{"ok", "degraded", "down", "nodata"}
	for theme, v := range themes(t) {
		for eye, m := range eyes {
			for i, a := range states {
				for _, b := range states[:i] {
					if d := difference(seen(v[a], m), seen(v[b], m)); d < 20 {
						t.Errorf("%s, %s: %s and %s differ by %.0f, want 20", theme, eye, a, b, d)
					}
				}
			}
		}
	}
}

// seen is c through an eye.
func seen(c colour, m [9]float64) (out colour) {
	for k := range out {
		out[k] = min(1, max(0, m[3*k]*c[0]+m[3*k+1]*c[1]+m[3*k+2]*c[2]))
	}
	return out
}

// difference is the distance of two colours in CIE L*a*b*.
func difference(a, b colour) float64 {
	lab := func(c colour) (l [3]float64) {
		f := func(t float64) float64 {
			if t > 216.0/24389 {
				return math.Cbrt(t)
			}
			return (24389.0/27*t + 16) / 116
		}
		x := f((0.4124*c[0] + 0.3576*c[1] + 0.1805*c[2]) / 0.95047)
		y := f(0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2])
		z := f((0.0193*c[0] + 0.1192*c[1] + 0.9505*c[2]) / 1.08883)
		return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
	}
	p, q := lab(a), lab(b)
	return math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]))
}
