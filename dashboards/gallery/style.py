"""The page's style sheet; `%` places are filled by page.py."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
*{box-sizing:border-box;stroke-linejoin:round;stroke-linecap:butt}
body{margin:0 auto;width:%(width)dpx;padding:0 12px 40px;background:#f4f5f5;color:#24292e;
font:14px/1.4 Inter,"DejaVu Sans",Helvetica,Arial,sans-serif}
header{padding:16px 0}h1{margin:0;font-size:24px}header p{margin:6px 0}a{color:#1f62e0;text-decoration:none}
h2{margin:36px 0 2px;font-size:20px}h2 small{margin-left:10px;padding:2px 8px;border-radius:9px;background:#e4e7eb;
font-size:12px;font-weight:400}.about{margin:0 0 6px;color:#5b6370}code{padding:0 3px;background:#e9ebee;font-size:12px}
.variables{margin:0 0 8px}.variables span{display:inline-block;margin:0 6px 4px 0;border:1px solid #d5d9df;
background:#fff;font-size:12px;padding:2px 8px 2px 0;min-height:23px}.variables b{padding:3px 6px;margin-right:6px;
background:#e9ebee;font-weight:500}
.grid{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));grid-auto-rows:%(row)dpx;gap:%(gap)dpx}
h3{margin:0;align-self:center;font-size:16px;font-weight:600}h3:before{content:"\\25BE";margin-right:6px;color:#8a919c}
article{position:relative;min-width:0;border:1px solid #dfe2e7;border-radius:3px;background:#fff;padding:0 8px 8px}
h4{display:flex;justify-content:space-between;align-items:center;height:30px;margin:0;font-size:13px;font-weight:500}
h4>span{overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
details summary{cursor:pointer;list-style:none;color:#8a919c}h4 summary{width:15px;border:1px solid #c9ced6;
border-radius:50%%;font:italic 11px/13px serif;text-align:center}h4 details div{position:absolute;z-index:2;top:30px;
left:8px;right:8px;max-height:340px;overflow:auto;padding:8px;border:1px solid #c9ced6;background:#fff;
box-shadow:0 3px 9px #0003;font-weight:400}h4 p{margin:0 0 4px}pre{margin:0 0 6px;padding:6px;background:#f4f5f5;
white-space:pre-wrap;font-size:11px}
svg{display:block}.legend{display:flex;flex-wrap:wrap;overflow:hidden;gap:0 14px;font-size:12px;line-height:22px}
.legend span{max-width:320px;overflow:hidden;white-space:nowrap;text-overflow:ellipsis}.legend i{display:inline-block;
width:14px;height:4px;margin-right:6px;vertical-align:middle;border-radius:2px}.legend em{color:#8a919c}
.stats{display:flex;height:calc(100%% - 30px)}.stat{position:relative;flex:1;min-width:0}.stat svg{position:absolute;
bottom:0;left:0}.stat b{position:relative;font-size:32px;font-weight:500;white-space:nowrap}.stat small{display:block;
position:relative;color:#5b6370;overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
.table,.lines,.text{height:calc(100%% - 30px);overflow:auto;font-size:12px}.text{font-size:13px}
.text ul{margin:4px 0;padding-left:20px}.text li{margin-bottom:5px}
table{width:100%%;border-collapse:collapse}th,td{padding:4px 8px;border-bottom:1px solid #eceef1;text-align:left;
white-space:nowrap;max-width:340px;overflow:hidden;text-overflow:ellipsis}th{position:sticky;top:0;background:#fff;
color:#1f62e0;font-weight:500}th.n{text-align:right}td.n{text-align:right;font-variant-numeric:tabular-nums}
.lines{margin:0;padding:0;list-style:none;font:12px/20px "DejaVu Sans Mono",monospace}.lines li{padding-left:8px;
border-left:3px solid;margin-bottom:2px;overflow-wrap:anywhere}.lines time{margin-right:10px;color:#5b6370}
.lines b{margin-right:10px;font-weight:500;color:#1f60c4}
.reason{display:flex;align-items:center;justify-content:center;height:calc(100%% - 38px);margin:0;color:#8a919c}
@media print{section{break-before:page}}
"""
