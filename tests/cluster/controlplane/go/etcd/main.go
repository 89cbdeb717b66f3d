// Copyright 2026 The metrics-proxy-k8s authors
// SPDX-License-Identifier: Apache-2.0

// Command etcd is the upstream etcd server, unchanged.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
