#!/usr/bin/env bash
# Builds the pinned upstream programs out of this folder's Go module.
#
#   build.sh OUT [NAME...]     all of them into the folder OUT, or only those named
#
# Progress goes to stdout, what Go says to stderr. Ends with one clear line when something fails.
set -euo pipefail
cd "$(dirname "$0")"

all=(etcd kube-apiserver kube-controller-manager kubectl helm kubeconform)
package() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kube-apiserver | kube-controller-manager | kubectl) echo "k8s.io/kubernetes/cmd/$1" ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    kubeconform) echo github.com/yannh/kubeconform/cmd/kubeconform ;;
    *) return 1 ;;
  esac
}
# Only the first builds of a program compile its libraries; what follows finds most of them in Go's cache.
hint() {
  case $1 in
    kube-apiserver) echo ", 3 to 15 minutes when nothing is cached" ;;
    kubeconform) ;;
    *) echo ", some minutes when nothing is cached" ;;
  esac
}
took() { printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60)); }

[ $# -ge 1 ] || { echo "build.sh: the folder for the programs is missing: build.sh OUT [NAME...]" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- "${all[@]}"
for name in "$@"; do
  package "$name" >/dev/null || { echo "build.sh: no program is called $name; there are: ${all[*]}" >&2; exit 2; }
done

# What is built must run here, and be the same wherever the folder lies.
unset GOOS GOARCH GOWORK
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false"

version() { go list -m -f '{{.Version}}' "$1"; }
kubernetes=$(version k8s.io/kubernetes)
helm=$(version helm.sh/helm/v4)
kubeconform=$(version github.com/yannh/kubeconform)
IFS=. read -r major minor _ <<<"${kubernetes#v}"
flags="-s -w -X helm.sh/helm/v4/internal/version.version=$helm -X main.version=$kubeconform"
for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $p.gitVersion=$kubernetes -X $p.gitMajor=$major -X $p.gitMinor=$minor"
  flags+=" -X $p.gitTreeState=archive -X $p.buildDate=1970-01-01T00:00:00Z"
done

ticker=
trap '[ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true' EXIT
number=0
for name in "$@"; do
  number=$((number + 1))
  SECONDS=0
  echo "building $name ($number of $#$(hint "$name")) ..."
  (
    trap 'kill "$pause" 2>/dev/null; exit' TERM
    while :; do
      sleep 30 &
      pause=$!
      wait "$pause"
      echo "  still building $name: $(took)"
    done
  ) &
  ticker=$!
  code=0
  go build -ldflags "$flags" -o "$out/$name" "$(package "$name")" || code=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  ticker=
  [ $code -eq 0 ] || { echo "build.sh: building $name failed after $(took) (exit code $code)" >&2; exit $code; }
  echo "  built $name in $(took)"
done
