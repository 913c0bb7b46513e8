"""Which peak learning rate, batch size and number of steps bring a student closest to its ensemble in a short distillation?

This script gave the page its defaults. It distils student0 from teacher0..2 on 2,000 training images (flip and crop, tau 4, SGD with
Nesterov momentum 0.9, weight decay 1e-4, cosine to 0) and measures the result on 1,000 test images.

    sweep.py --data DIR --golden tests/golden     DIR holds train.bin and test.bin
"""
import argparse, copy, itertools, json, sys, time
from pathlib import Path
import torch, torch.nn.functional as F
ap = argparse.ArgumentParser(); ap.add_argument("--data", required=True); ap.add_argument("--golden", required=True)
ap.add_argument("--rates", default="0.003,0.01,0.03,0.1"); ap.add_argument("--batches", default="32"); ap.add_argument("--steps", default="60,200"); args = ap.parse_args()
sys.path.insert(0, args.golden)
import train
from train import ensemble_log_probs, fidelity, generalisation, load_bin, load_net, scale
train.device = torch.device("cpu")
nets = {n: load_net(Path(args.golden) / f"{n}.safetensors") for n in ["teacher0", "teacher1", "teacher2", "student0"]}
x, _ = load_bin(Path(args.data) / "train.bin"); xt, yt = load_bin(Path(args.data) / "test.bin")
x, xt, yt = x[:2000], xt[:1000], yt[:1000]
teachers = [nets[f"teacher{i}"].eval() for i in range(3)]
ens = lambda xb: ensemble_log_probs(torch.stack([t(xb) for t in teachers]))

def figures(net, z):
    net.eval()
    with torch.no_grad():
        lp = F.log_softmax(torch.cat([net(scale(b)) for b in xt.split(100)]).double(), 1)
    return {**fidelity(z, lp), "acc": generalisation(lp, yt)["acc"]}

def augment(xb, g):
    out = F.pad(xb, (4, 4, 4, 4)); n = len(xb); res = torch.empty_like(xb)
    for i in range(n):
        dx, dy, flip = torch.randint(0, 9, (2,), generator=g).tolist() + [torch.rand(1, generator=g).item() < 0.5]
        c = out[i, :, dy:dy + 32, dx:dx + 32]; res[i] = c.flip(-1) if flip else c
    return res

with torch.no_grad():
    z_test = torch.cat([ens(scale(b)) for b in xt.split(100)]).double()
print(json.dumps({"before": figures(nets["student0"], z_test)}), flush=True)
for batch, steps, rate in itertools.product(map(int, args.batches.split(",")), map(int, args.steps.split(",")), map(float, args.rates.split(","))):
    net = copy.deepcopy(nets["student0"]).train(); g = torch.Generator().manual_seed(0); t = time.time()
    opt = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4, nesterov=True)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps); order = torch.randperm(len(x), generator=g); at = 0
    for step in range(steps):
        if at + batch > len(x): order = torch.randperm(len(x), generator=g); at = 0
        xb = scale(augment(x[order[at:at + batch]], g)); at += batch
        with torch.no_grad(): zt = ens(xb)
        net.train(); loss = -(F.softmax(zt / 4, 1) * F.log_softmax(net(xb) / 4, 1)).sum(1).mean() * 16
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    print(json.dumps({"batch": batch, "steps": steps, "learningRate": rate, **figures(net, z_test), "seconds": round(time.time() - t)}), flush=True)
