// A client of scripts/bench: Go's net/http as its documentation shows it, for the same lists as the others.
// Prints "ok N bytes N failed N".
//
//	gofetch -a ADDRESS:PORT [-w WORKERS] [-c CAFILE] [-d DIR] LIST     LIST: a URL a line
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

type job struct {
	number int
	url    string
}

type counts struct{ ok, bytes, failed int64 }

func fetch(client *http.Client, dir string, j job) (int64, error) {
	answer, err := client.Get(j.url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return 0, fmt.Errorf("status %d", answer.StatusCode)
	}
	if dir == "" {
		return io.Copy(io.Discard, answer.Body)
	}
	out, err := os.Create(filepath.Join(dir, strconv.Itoa(j.number)))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, answer.Body)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return n, err
}

func newClient(address, cafile string, workers int) (*http.Client, error) {
	config := &tls.Config{}
	if cafile != "" {
		pem, err := os.ReadFile(cafile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	var dialer net.Dialer
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     config,
		MaxIdleConnsPerHost: workers,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
	}}, nil
}

func run() error {
	address := flag.String("a", "", "where to connect")
	workers := flag.Int("w", 8, "workers")
	cafile := flag.String("c", "", "trusted roots; else the system's")
	dir := flag.String("d", "", "bodies into files")
	flag.Parse()
	client, err := newClient(*address, *cafile, *workers)
	if err != nil {
		return err
	}
	list, err := os.Open(flag.Arg(0))
	if err != nil {
		return err
	}
	jobs := make(chan job)
	var sum counts
	var mutex sync.Mutex
	var wait sync.WaitGroup
	for i := 0; i < *workers; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			var own counts
			for j := range jobs {
				n, err := fetch(client, *dir, j)
				own.bytes += n
				if err != nil {
					own.failed++
					fmt.Fprintln(os.Stderr, err)
				} else {
					own.ok++
				}
			}
			mutex.Lock()
			sum.ok, sum.bytes, sum.failed = sum.ok+own.ok, sum.bytes+own.bytes, sum.failed+own.failed
			mutex.Unlock()
		}()
	}
	lines := bufio.NewScanner(list)
	for number := 0; lines.Scan(); number++ {
		jobs <- job{number, lines.Text()}
	}
	close(jobs)
	wait.Wait()
	fmt.Printf("ok %d bytes %d failed %d\n", sum.ok, sum.bytes, sum.failed)
	return lines.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gofetch:", err)
		os.Exit(2)
	}
}
