import { loadKernels } from "@kvfold/kernels-cpu";
const k = loadKernels(); const a=k.addon;
const fm={f32:0,bf16:1,f16:2,q8_0:3,q4_0:4,q4_1:5}; const bb={q8_0:34,q4_0:18,q4_1:20,f16:64,bf16:64};
for (const [fmt,mb] of [["q4_1",66],["q8_0",64],["f16",128]]) for (const inputs of [576,1536]) for (const threads of [1,2]) for (const act of ["float32","int16","int8"]) {
 loadKernels({threads,activations:act}); const row=inputs/32*bb[fmt]; const outputs=Math.floor(mb*1e6/row/4)*4; const w=new Uint8Array(outputs*row); for(let i=0;i<w.length;i++) w[i]=(i*7)&0x3f; const x=new Float32Array(inputs).fill(0.5), y=new Float32Array(outputs);
 const ts=[]; for(let r=0;r<25;r++){const t=performance.now(); a.packedLinear(fm[fmt],w,undefined,outputs,inputs,x,1,y); ts.push(performance.now()-t);} ts.sort((p,q)=>p-q);
 console.log(fmt,inputs,"threads",threads,act,"median GB/s",(w.length/ts[12]/1e6).toFixed(1),"best",(w.length/ts[0]/1e6).toFixed(1));
}
