// Checks a log that Wayfare exported with the libraries of Go's checksum database, which nobody here wrote: the signature
// of its checkpoint, the root from its tiles, inclusion and consistency proofs read from them, and its entry bundles.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run audit.go FOLDER VERIFIER_KEY [INCLUSIONS [CONSISTENCIES]]
//
// Go's paths are tile/8/L/N where C2SP's are tile/L/N, and its tiles of a partial width are the same.
package main

import (
	"encoding/base64"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder struct{ where string }

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.where, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(at int, otherwise int) int {
	if len(os.Args) <= at {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[at])
	must(err)
	return n
}

// entries returns the entries of a log in order, from its bundles.
func entries(where string, size int64) [][]byte {
	var found [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := 256
		if left := size - n*256; left < 256 {
			width = int(left)
		}
		path := tlog.Tile{H: 8, L: -1, N: n, W: width}.Path()
		data, err := os.ReadFile(filepath.Join(where, strings.Replace(path, "tile/8/data/", "tile/entries/", 1)))
		must(err)
		for len(data) > 0 {
			length := int(data[0])<<8 | int(data[1])
			found = append(found, data[2:2+length])
			data = data[2+length:]
		}
	}
	return found
}

func main() {
	where := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	data, err := os.ReadFile(filepath.Join(where, "checkpoint"))
	must(err)
	signed, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(signed.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	var root tlog.Hash
	copy(root[:], raw)
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, folder{where})
	found, err := tlog.TreeHash(size, hashes)
	must(err)
	if found != root {
		log.Fatal("the tiles lead to another root")
	}
	leaves := entries(where, size)
	if int64(len(leaves)) != size {
		log.Fatalf("the bundles hold %d entries, not %d", len(leaves), size)
	}
	chance := rand.New(rand.NewSource(1))
	inclusions, consistencies := number(3, 300), number(4, 50)
	for i := 0; i < inclusions; i++ {
		n := chance.Int63n(size)
		proof, err := tlog.ProveRecord(size, n, hashes)
		must(err)
		must(tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(leaves[n])))
	}
	for i := 0; i < consistencies; i++ {
		older := 1 + chance.Int63n(size)
		proof, err := tlog.ProveTree(size, older, hashes)
		must(err)
		then, err := tlog.TreeHash(older, hashes)
		must(err)
		must(tlog.CheckTree(proof, size, root, older, then))
	}
	fmt.Printf("%d leaves, %d inclusion and %d consistency proofs\n", size, inclusions, consistencies)
}
