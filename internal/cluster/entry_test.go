package cluster

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"picket/internal/fleet"
)

// state is the opening of an exchange of states, as memberlist writes it.
func state(nodes, user int) []byte {
	b := bytes.NewBuffer([]byte{msgPushPull})
	header := struct {
		Nodes, UserStateLen int
		Join                bool
	}{nodes, user, true}
	if err := codec.NewEncoder(b, &codec.MsgpackHandle{}).Encode(&header); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// node is a member in an exchange of states, with meta bytes of metadata.
func node(meta int) []byte {
	var b bytes.Buffer
	n := struct {
		Name        string
		Addr, Meta  []byte
		Port        uint16
		Incarnation uint32
		State       int
		Vsn         []uint8
	}{"agent-01", make([]byte, 16), make([]byte, meta), 7946, 1 << 31, 1, []uint8{1, 5, 2, 2, 5, 4}}
	if err := codec.NewEncoder(&b, &codec.MsgpackHandle{}).Encode(&n); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// cell is a whole exchange of states.
func cell(nodes, meta int) []byte { return append(state(nodes, 0), bytes.Repeat(node(meta), nodes)...) }

func labelled(b []byte) []byte { return append([]byte("\xf4\x04cell"), b...) }

func TestOnlyAnHonestExchangeOfStatesIsOpened(t *testing.T) {
	join := "\xa4Join\xc2"
	for _, k := range []struct {
		what     string
		b        []byte
		outgoing bool
		ok       bool
	}{
		{"a small cell", cell(12, 0), false, true},
		{"a label before it", labelled(cell(12, 300)), false, true},
		{"the largest", labelled(cell(maxNodes, 512)), false, true},
		{"an answer", cell(maxNodes, 512), true, true},
		{"an answer that is an error", []byte("\x0d\x81\xa5Error\xa1x"), true, true},
		{"what follows is left alone", append(cell(2, 0), 0xc1, 0xc1), false, true},
		{"numbers with a sign", []byte("\x06\x83\xa5Nodes\xd1\x00\x01\xacUserStateLen\xd0\x00" + join + "\x80"), false, true},

		{"an extension, which is allocated unread", labelled(append(state(1, 0), "\x81\xa1x\xc9\xff\xff\xff\xff\xff"...)), false, false},
		{"a long name", labelled(append(state(1, 0), "\x81\xa4Name\xdb\xff\xff\xff\xff"...)), false, false},
		{"a list in a member", labelled(append(state(1, 0), "\x81\xa4Meta\xdd\xff\xff\xff\xff"...)), false, false},
		{"a map in a member", labelled(append(state(1, 0), "\x81\xa1x\x80"...)), false, false},
		{"a member that is none", labelled(append(state(1, 0), 0xc0)), false, false},
		{"fewer than announced", labelled(append(state(2, 0), node(0)...)), false, false},

		{"too many", labelled(cell(maxNodes+1, 0)), false, false},
		{"a million", labelled(state(1<<20, 0)), false, false},
		{"a million in an answer", state(1<<20, 0), true, false},
		{"less than none", state(-1, 0), false, false},
		{"a state of users", labelled(state(1, 1)), false, false},
		{"compressed", labelled([]byte{9, 0x82}), false, false},
		{"a compressed answer", []byte{9, 0x82}, true, false},
		{"encrypted", labelled([]byte{10, 0, 0, 0, 1}), false, false},
		{"a message of a user", labelled([]byte{8, 0x81}), false, false},
		{"a ping", labelled([]byte{0, 0x81}), false, false},
		{"an error", labelled([]byte{msgErr}), false, false},
		{"two labels", labelled(labelled(cell(1, 0))), false, false},
		{"a label in an answer", labelled(cell(1, 0)), true, false},
		{"a field twice", []byte("\x06\x83\xa5Nodes\x01\xa5Nodes\x01" + join + "\x80"), false, false},
		{"a field more", []byte("\x06\x84\xa5Nodes\x01\xacUserStateLen\x00" + join + "\xa1x\x00\x80"), false, false},
		{"an unknown field", []byte("\x06\x83\xa5nodes\x01\xacUserStateLen\x00" + join + "\x80"), false, false},
		{"a list", []byte("\x06\x93\x01\x00\xc2"), false, false},
		{"a float", []byte("\x06\x83\xa5Nodes\xcb\x41\x30\x00\x00\x00\x00\x00\x00\xacUserStateLen\x00" + join + "\x80"), false, false},
		{"64 bits", []byte("\x06\x83\xa5Nodes\xcf\x00\x00\x00\x00\x00\x10\x00\x00\xacUserStateLen\x00" + join + "\x80"), false, false},
		{"a cut label", []byte("\xf4\xffcell"), false, false},
		{"a cut header", state(12, 0)[:9], false, false},
		{"nothing", nil, false, false},
	} {
		got, err := readExchange(iotest.OneByteReader(bytes.NewReader(k.b)), k.outgoing)
		if (err == nil) != k.ok {
			t.Errorf("%s: %v", k.what, err)
		}
		if err == nil && !bytes.HasPrefix(k.b, got) {
			t.Errorf("%s: handed on %q of %q", k.what, got, k.b)
		}
	}
	if _, err := readExchange(strings.NewReader(""), false); err != io.EOF {
		t.Errorf("an empty stream is %v", err)
	}
}

func TestPacketsThatGrowAreDropped(t *testing.T) {
	crc := func(b ...byte) []byte { return append([]byte{msgCRC, 1, 2, 3, 4}, b...) }
	for _, k := range []struct {
		what string
		b    []byte
		ok   bool
	}{
		{"a ping", []byte{msgPing, 0x80}, true},
		{"labelled, with a checksum", labelled(crc(msgAlive, 0x80)), true},
		{"a compound", labelled([]byte{msgCompound, 2, 0, 2, 0, 2, msgSuspect, 0x80, msgDead, 0x80}), true},
		{"a member", append([]byte{msgAlive}, node(512)...), true},

		{"compressed", []byte{9, 0x80}, false},
		{"compressed behind label and checksum", labelled(crc(9, 0x80)), false},
		{"compressed in a compound", []byte{msgCompound, 2, 0, 2, 0, 2, msgSuspect, 0x80, 9, 0x80}, false},
		{"a compound in a compound", []byte{msgCompound, 1, 0, 4, msgCompound, 1, 0, 0}, false},
		{"an empty part", []byte{msgCompound, 1, 0, 0}, false},
		{"a compound cut short", []byte{msgCompound, 2, 0, 1}, false},
		{"a part cut short", []byte{msgCompound, 1, 0, 9, msgAlive}, false},
		{"two checksums", crc(crc(msgPing, 0x80)...), false},
		{"a user's", []byte{8, 0x80}, false},
		{"an extension, which is allocated unread", []byte("\x04\x81\xa1x\xc9\xff\xff\xff\xff\xff"), false},
		{"encrypted", []byte{10, 1}, false},
		{"a label alone", []byte("\xf4\x04cell"), false},
		{"a cut label", []byte("\xf4\x09cell"), false},
		{"nothing", nil, false},
	} {
		if got := honestPacket(k.b); got != k.ok {
			t.Errorf("%s: %v", k.what, got)
		}
	}
}

// TestAFewBytesCostFewBytes is the attack: streams that announce a million
// members, and wait.
func TestAFewBytesCostFewBytes(t *testing.T) {
	story(t, 3, func(c *crew) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var ends []net.Conn
		for range 16 {
			here, there := net.Pipe()
			c.at["agent-00"].Stream(fleet.Address("agent-01"), there)
			go here.Write(labelled(state(1<<20, 0)))
			ends = append(ends, here)
			time.Sleep(10 * time.Millisecond)
		}
		runtime.ReadMemStats(&after)
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 16<<20 {
			t.Errorf("16 streams of 37 bytes cost %d MiB", cost>>20)
		}
		for _, e := range ends {
			e.Close()
		}
		c.wantAllAlive()
	})
}

func TestNobodyTakesAllTheStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(newCrew(t, 1).options("agent-00"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.transport.Shutdown()
		// taken says whether a stream from src is kept open.
		taken := func(src string) bool {
			here, there := net.Pipe()
			c.Stream(fleet.Address(src), there)
			here.SetReadDeadline(time.Now().Add(time.Second))
			_, err := here.Read(make([]byte, 1))
			return isTimeout(err)
		}
		for i, want := range []bool{true, true, false, false} {
			if got := taken("greedy"); got != want {
				t.Errorf("stream %d of one member: taken %v", i+1, got)
			}
		}
		for i := range maxInbound - maxSource {
			if !taken(string(rune('a' + i))) {
				t.Errorf("stream %d of another member is refused", i+1)
			}
		}
		if taken("late") {
			t.Errorf("more than %d streams are taken", maxInbound)
		}
		(<-c.transport.streams).Close()
		if !taken("late") {
			t.Error("a place that was given back is not taken")
		}
	})
}

func FuzzOpening(f *testing.F) {
	f.Add(labelled(cell(12, 9)))
	f.Add([]byte{msgCompound, 1, 0, 1, msgAlive})
	f.Fuzz(func(t *testing.T, b []byte) {
		honestPacket(slices.Clone(b))
		got, err := readExchange(bytes.NewReader(b), rand.N(2) == 0)
		if err == nil && (!bytes.HasPrefix(b, got) || len(got) > len(b)) {
			t.Errorf("handed on %q", got)
		}
	})
}
