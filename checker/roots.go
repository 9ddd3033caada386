package checker

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// rootsCache holds the CA pools of files, each as long as its file stays as it is: a renewed CA counts from the next
// probe on. The zero value is ready to use.
type rootsCache struct {
	mu    sync.Mutex
	files map[string]rootsFile
}

type rootsFile struct {
	modified time.Time
	size     int64
	pool     *x509.CertPool
}

// pool returns the certificates in the PEM file at path; nil, the system's, for no path.
func (c *rootsCache) pool(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.files[path]; ok && f.size == info.Size() && f.modified.Equal(info.ModTime()) {
		return f.pool, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in it", path)
	}
	if c.files == nil {
		c.files = make(map[string]rootsFile)
	}
	c.files[path] = rootsFile{info.ModTime(), info.Size(), pool}
	return pool, nil
}
