import { chooseBackend } from "@kvfold/core"; import { parsePolicy } from "@kvfold/kv-cache"; import { loadLocalModel, modelPolicies } from "@kvfold/models"; import * as tf from "@tensorflow/tfjs-core";
import { loadKernels } from "@kvfold/kernels-cpu";
const [spec="full", depth="0", threads="2", n="64"] = process.argv.slice(2);
console.log(await chooseBackend({ prefer: "native" })); loadKernels({threads:+threads, activations: process.env.ACT ?? "float32"});
let t=performance.now();
const model = await loadLocalModel(process.env.MODEL ?? "/work/shared/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
console.log("load", performance.now()-t);
const policy = parsePolicy(spec, modelPolicies(model.config));
const run = async (cache, tokens) => { const l = model.forward(cache, [tokens], {}); const d = await l.data(); l.dispose(); return d; };
const tokens = Array.from({ length: 16384 }, (_, i) => 100 + ((i * 7919) % 40000));
for (let r=0;r<3;r++){
const cache = model.createCache(policy);
t=performance.now(); for (let i=0;i<+depth;i+=512) await run(cache, tokens.slice(i,Math.min(i+512,+depth)));
const pre=performance.now()-t;
const times=[];
for (let i=0;i<+n;i++){ t=performance.now(); let c=process.cpuUsage(); await run(cache,[tokens[i]]); c=process.cpuUsage(c); times.push(+threads===1?(c.user+c.system)/1000:performance.now()-t);} times.sort((a,b)=>a-b);
t=performance.now(); let d=process.env.NOPRE?0:await run(cache, tokens.slice(0,512)); const p512=performance.now()-t;
console.log("depth fill", pre.toFixed(0), "decode median ms", times[times.length>>1].toFixed(2), "min", times[0].toFixed(2), "tok/s", (1000/times[times.length>>1]).toFixed(1), "prefill512 ms", p512.toFixed(0), (512000/p512).toFixed(0));
console.log([...cache.owned?.values()??[]].map(r=>r.state?.kind+" "+(r.state?.reason??""))); cache.dispose();
}
console.log(process.memoryUsage().rss/1e6);
