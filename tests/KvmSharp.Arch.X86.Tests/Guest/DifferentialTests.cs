// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>
/// Each integer instruction encoding that the interpreter knows, with random operands, registers and flags, against the CPU that the tests run on.
/// </summary>
[TestFixture]
[Platform(Include = "Linux", Reason = "needs an executable mapping")]
internal sealed unsafe class DifferentialTests
{
    private const int DataSize = 0x4000;
    private const int CodeSize = 64;
    private const ulong DefinedFlags = X86Flags.Status | X86Flags.Df;

    private static readonly Mnemonic[] Mnemonics =
    [
        Mnemonic.Add, Mnemonic.Adc, Mnemonic.Sub, Mnemonic.Sbb, Mnemonic.Cmp, Mnemonic.And, Mnemonic.Test, Mnemonic.Or, Mnemonic.Xor,
        Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Neg, Mnemonic.Not, Mnemonic.Mul, Mnemonic.Imul, Mnemonic.Div, Mnemonic.Idiv,
        Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr, Mnemonic.Shld, Mnemonic.Shrd,
        Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc, Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Tzcnt, Mnemonic.Lzcnt, Mnemonic.Popcnt, Mnemonic.Bswap,
        Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd, Mnemonic.Movnti, Mnemonic.Movbe, Mnemonic.Lea,
        Mnemonic.Xchg, Mnemonic.Xadd, Mnemonic.Cmpxchg, Mnemonic.Cmpxchg8b, Mnemonic.Cmpxchg16b,
        Mnemonic.Cbw, Mnemonic.Cwde, Mnemonic.Cdqe, Mnemonic.Cwd, Mnemonic.Cdq, Mnemonic.Cqo, Mnemonic.Lahf, Mnemonic.Sahf,
        Mnemonic.Clc, Mnemonic.Stc, Mnemonic.Cmc, Mnemonic.Cld, Mnemonic.Std, Mnemonic.Nop, Mnemonic.Xlatb,
        Mnemonic.Push, Mnemonic.Pop, Mnemonic.Enter, Mnemonic.Leave,
        Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq,
        Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq, Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd, Mnemonic.Scasq,
        Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Cmpsq,
        Mnemonic.Seto, Mnemonic.Setno, Mnemonic.Setb, Mnemonic.Setae, Mnemonic.Sete, Mnemonic.Setne, Mnemonic.Setbe, Mnemonic.Seta,
        Mnemonic.Sets, Mnemonic.Setns, Mnemonic.Setp, Mnemonic.Setnp, Mnemonic.Setl, Mnemonic.Setge, Mnemonic.Setle, Mnemonic.Setg,
        Mnemonic.Cmovo, Mnemonic.Cmovno, Mnemonic.Cmovb, Mnemonic.Cmovae, Mnemonic.Cmove, Mnemonic.Cmovne, Mnemonic.Cmovbe, Mnemonic.Cmova,
        Mnemonic.Cmovs, Mnemonic.Cmovns, Mnemonic.Cmovp, Mnemonic.Cmovnp, Mnemonic.Cmovl, Mnemonic.Cmovge, Mnemonic.Cmovle, Mnemonic.Cmovg,
    ];

    private static readonly ulong[] Interesting =
    [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, long.MaxValue, 1UL << 63, ulong.MaxValue,
    ];

    private HostCpu _host = null!;
    private byte* _hostData;
    private byte* _guestData;
    private byte* _guestCode;

    public static IEnumerable<Mnemonic> Cases => Mnemonics;

    [OneTimeSetUp]
    public void SetUp()
    {
        if (!HostCpu.IsAvailable)
            Assert.Ignore("the oracle is an x86-64 Linux host; this one is " + RuntimeInformation.RuntimeIdentifier);
        _host = new HostCpu();
        _hostData = (byte*)NativeMemory.AlignedAlloc(DataSize, 4096);
        _guestData = (byte*)NativeMemory.AlignedAlloc(DataSize, 4096);
        _guestCode = (byte*)NativeMemory.AlignedAlloc(8192, 4096);
    }

    [OneTimeTearDown]
    public void TearDown()
    {
        _host?.Dispose();
        NativeMemory.AlignedFree(_hostData);
        NativeMemory.AlignedFree(_guestData);
        NativeMemory.AlignedFree(_guestCode);
    }

    [TestCaseSource(nameof(Cases))]
    public void InstructionMatchesTheHostCpu(Mnemonic mnemonic)
    {
        if ((mnemonic == Mnemonic.Lzcnt && !Lzcnt.IsSupported) || (mnemonic == Mnemonic.Tzcnt && !Bmi1.IsSupported) || (mnemonic == Mnemonic.Movbe && !Avx2.IsSupported))
            Assert.Ignore("this CPU has no " + mnemonic);
        var random = new Random((int)mnemonic * 7919);
        Code[] codes = [.. Enum.GetValues<Code>().Where(c => IsCandidate(c, mnemonic))];
        Assert.That(codes, Is.Not.Empty);
        int run = 0;
        foreach (Code code in codes)
        {
            for (int n = 0; n < 400; n++)
            {
                Instruction instruction = Build(code, random, out bool usable);
                if (usable && RunBoth([instruction], random, slow: n % 5 == 4))
                    run++;
            }
        }
        Assert.That(run, Is.GreaterThan(codes.Length * 20), $"hardly any random instruction of {mnemonic} was usable");
    }

    [Test]
    public void SequencesMatchTheHostCpu([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        Code[] codes = [.. Enum.GetValues<Code>().Where(c => Mnemonics.Any(m => IsCandidate(c, m)))];
        int run = 0;
        for (int n = 0; n < 100; n++)
        {
            var list = new List<Instruction>();
            while (list.Count < 12)
            {
                Instruction instruction = Build(codes[random.Next(codes.Length)], random, out bool usable);

                // Undefined flags and moved pointers would spoil what follows.
                if (usable && instruction.RflagsUndefined == RflagsBits.None && !instruction.IsStackInstruction && !instruction.IsStringInstruction &&
                    !HasMemory(in instruction) && IsPlainCount(in instruction) && instruction.Mnemonic is not (Mnemonic.Div or Mnemonic.Idiv))
                    list.Add(instruction);
            }
            if (RunBoth([.. list], random, slow: false))
                run++;
        }
        Assert.That(run, Is.GreaterThan(50));
    }

    private static bool HasMemory(in Instruction x)
    {
        for (int n = 0; n < x.OpCount; n++)
        {
            if (x.GetOpKind(n) == OpKind.Memory)
                return true;
        }
        return false;
    }

    private static bool IsPlainCount(in Instruction x) => UndefinedByCount(in x, 2) == 0;

    private static bool IsCandidate(Code code, Mnemonic mnemonic)
    {
        if (code.Mnemonic() != mnemonic)
            return false;
        OpCodeInfo info = code.ToOpCode();
        if (!info.IsInstruction || !info.Mode64 || info.Encoding != EncodingKind.Legacy || info.IsPrivileged)
            return false;
        for (int n = 0; n < info.OpCount; n++)
        {
            if (!IsBuildable(info.GetOpKind(n)))
                return false;
        }

        // PUSH and POP of FS and GS, and the 16-bit frame forms that the interpreter refuses.
        return code is not (Code.Enterw_imm16_imm8 or Code.Leavew or Code.Bswap_r16 or Code.Nop_rm16 or Code.Nop_rm32 or Code.Nop_rm64)
            && !code.ToString().Contains("xmm", StringComparison.Ordinal);
    }

    private static bool IsBuildable(OpCodeOperandKind kind) => kind is
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r64_or_mem or OpCodeOperandKind.mem or
        OpCodeOperandKind.r8_reg or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r64_reg or
        OpCodeOperandKind.r16_rm or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r64_rm or
        OpCodeOperandKind.r8_opcode or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r64_opcode or
        OpCodeOperandKind.imm8 or OpCodeOperandKind.imm8_const_1 or OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32 or OpCodeOperandKind.imm8sex64 or
        OpCodeOperandKind.imm16 or OpCodeOperandKind.imm32 or OpCodeOperandKind.imm32sex64 or OpCodeOperandKind.imm64 or
        OpCodeOperandKind.al or OpCodeOperandKind.cl or OpCodeOperandKind.ax or OpCodeOperandKind.eax or OpCodeOperandKind.rax or
        OpCodeOperandKind.seg_rSI or OpCodeOperandKind.es_rDI or OpCodeOperandKind.seg_rBX_al;

    private static Register RandomRegister(Random random, int size, bool notStack = true)
    {
        while (true)
        {
            int n = random.Next(16);
            if (n == 4 && notStack && size != 1)
                continue;
            switch (size)
            {
                case 1:
                    Register r = Register.AL + random.Next(20);
                    if (r is Register.SPL)
                        continue;
                    return r;
                case 2:
                    return Register.AX + n;
                case 4:
                    return Register.EAX + n;
                default:
                    return Register.RAX + n;
            }
        }
    }

    private static int SizeOf(OpCodeOperandKind kind)
    {
        string name = kind.ToString();
        return name.StartsWith("r8", StringComparison.Ordinal) ? 1 : name.StartsWith("r16", StringComparison.Ordinal) ? 2 : name.StartsWith("r32", StringComparison.Ordinal) ? 4 : 8;
    }

    private static Instruction Build(Code code, Random random, out bool usable)
    {
        OpCodeInfo info = code.ToOpCode();
        var x = new Instruction { Code = code };
        bool memory = false;
        for (int n = 0; n < info.OpCount; n++)
        {
            OpCodeOperandKind kind = info.GetOpKind(n);
            switch (kind)
            {
                case OpCodeOperandKind.mem:
                case OpCodeOperandKind.r8_or_mem when random.Next(2) == 0:
                case OpCodeOperandKind.r16_or_mem when random.Next(2) == 0:
                case OpCodeOperandKind.r32_or_mem when random.Next(2) == 0:
                case OpCodeOperandKind.r64_or_mem when random.Next(2) == 0:
                    memory = true;
                    x.SetOpKind(n, OpKind.Memory);
                    x.MemoryBase = RandomRegister(random, 8);
                    if (random.Next(2) == 0)
                    {
                        x.MemoryIndex = RandomRegister(random, 8);
                        x.MemoryIndexScale = 1 << random.Next(4);
                    }
                    x.MemoryDisplSize = 1;
                    x.MemoryDisplacement64 = (ulong)(long)(random.Next(3) == 0 ? 0 : random.Next(2) == 0 ? random.Next(-128, 128) : random.Next(-512, 512));
                    break;
                case OpCodeOperandKind.al:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, Register.AL);
                    break;
                case OpCodeOperandKind.cl:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, Register.CL);
                    break;
                case OpCodeOperandKind.ax:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, Register.AX);
                    break;
                case OpCodeOperandKind.eax:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, Register.EAX);
                    break;
                case OpCodeOperandKind.rax:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, Register.RAX);
                    break;
                case OpCodeOperandKind.imm8:
                    x.SetOpKind(n, code == Code.Enterq_imm16_imm8 && n == 1 ? OpKind.Immediate8_2nd : OpKind.Immediate8);
                    if (code == Code.Enterq_imm16_imm8 && n == 1)
                        x.Immediate8_2nd = (byte)random.Next(4);
                    else
                        x.Immediate8 = (byte)random.Next(256);
                    break;
                case OpCodeOperandKind.imm8_const_1:
                    x.SetOpKind(n, OpKind.Immediate8);
                    x.Immediate8 = 1;
                    break;
                case OpCodeOperandKind.imm8sex16:
                    x.SetOpKind(n, OpKind.Immediate8to16);
                    x.Immediate8to16 = (sbyte)random.Next(256);
                    break;
                case OpCodeOperandKind.imm8sex32:
                    x.SetOpKind(n, OpKind.Immediate8to32);
                    x.Immediate8to32 = (sbyte)random.Next(256);
                    break;
                case OpCodeOperandKind.imm8sex64:
                    x.SetOpKind(n, OpKind.Immediate8to64);
                    x.Immediate8to64 = (sbyte)random.Next(256);
                    break;
                case OpCodeOperandKind.imm16:
                    x.SetOpKind(n, OpKind.Immediate16);
                    x.Immediate16 = code == Code.Enterq_imm16_imm8 ? (ushort)random.Next(512) : (ushort)random.Next();
                    break;
                case OpCodeOperandKind.imm32:
                    x.SetOpKind(n, OpKind.Immediate32);
                    x.Immediate32 = (uint)random.NextInt64();
                    break;
                case OpCodeOperandKind.imm32sex64:
                    x.SetOpKind(n, OpKind.Immediate32to64);
                    x.Immediate32to64 = (int)random.NextInt64();
                    break;
                case OpCodeOperandKind.imm64:
                    x.SetOpKind(n, OpKind.Immediate64);
                    x.Immediate64 = RandomValue(random);
                    break;
                case OpCodeOperandKind.seg_rSI:
                    x.SetOpKind(n, OpKind.MemorySegRSI);
                    break;
                case OpCodeOperandKind.es_rDI:
                    x.SetOpKind(n, OpKind.MemoryESRDI);
                    break;
                case OpCodeOperandKind.seg_rBX_al:
                    x.SetOpKind(n, OpKind.Memory);
                    x.MemoryBase = Register.RBX;
                    x.MemoryIndex = Register.AL;
                    break;
                default:
                    x.SetOpKind(n, OpKind.Register);
                    x.SetOpRegister(n, RandomRegister(random, SizeOf(kind)));
                    break;
            }
        }
        if (x.IsStringInstruction)
        {
            int rep = random.Next(3);
            x.HasRepePrefix = rep == 1;
            x.HasRepnePrefix = rep == 2;
        }
        if (memory && x.Op0Kind == OpKind.Memory && info.CanUseLockPrefix && random.Next(2) == 0)
            x.HasLockPrefix = true;

        // AH..BH cannot be encoded together with REX; a base that is a data operand of BT would be out of reach.
        usable = TryEncode(in x, out _);
        return x;
    }

    private static bool TryEncode(in Instruction x, out byte[] bytes)
    {
        var writer = new ListWriter();
        bool ok = Encoder.Create(64, writer).TryEncode(in x, 0, out _, out _);
        bytes = [.. writer.Bytes];
        return ok;
    }

    private static ulong RandomValue(Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                return Interesting[random.Next(Interesting.Length)];
            case 1:
                return (ulong)random.Next(70);
            default:
                return (ulong)random.NextInt64(long.MinValue, long.MaxValue);
        }
    }

    private bool RunBoth(Instruction[] instructions, Random random, bool slow)
    {
        Span<ulong> before = stackalloc ulong[16];
        ulong middle = (ulong)_hostData + (DataSize / 2);
        for (int i = 0; i < 16; i++)
            before[i] = RandomValue(random);
        before[4] = middle + 0x800;
        ulong flags = (ulong)random.Next() & DefinedFlags;
        Instruction x = instructions[0];
        if (instructions.Length == 1)
        {
            if (!PlacePointers(in x, before, middle, random, ref flags) || IsBeyondDefinition(in x, before[1]))
                return false;
        }
        flags |= 0x202;

        var code = new List<byte>();
        foreach (Instruction each in instructions)
        {
            TryEncode(in each, out byte[] bytes);
            code.AddRange(bytes);
        }
        random.NextBytes(new Span<byte>(_hostData, DataSize));
        new Span<byte>(_hostData, DataSize).CopyTo(new Span<byte>(_guestData, DataSize));
        new Span<byte>(_guestCode, 8192).Fill(0x90);
        ulong codeAddress = (ulong)_guestCode;
        code.ToArray().CopyTo(new Span<byte>(_guestCode, CodeSize * 4));

        var state = new X86VcpuState();
        state.ResetToLongMode(codeAddress, null);
        for (int i = 0; i < 16; i++)
            state[i] = before[i];
        state.Rflags = flags;
        state.Idtr.Limit = 0;
        var bus = new ScratchBus(codeAddress, _guestCode, 4096, (ulong)_hostData, _guestData, DataSize) { Slow = slow };
        X86ExitKind exit = X86ExitKind.Budget;
        ulong end = codeAddress + (ulong)code.Count;
        for (int n = 0; n < 2000 && exit == X86ExitKind.Budget && state.Rip != end; n++)
            exit = Interpreter.Run(state, bus, 1);

        // A fault (#DE, a pointer out of the window) must not be tried on the host. The descriptor table is empty, so it ends in a shutdown.
        if (exit == X86ExitKind.Shutdown)
            return false;
        if (exit == X86ExitKind.InternalError && Interpreter.Error == X86InternalError.SplitLock)
            return false;
        Assert.That(exit, Is.EqualTo(X86ExitKind.Budget), () => Describe(instructions, exit));

        Span<ulong> after = stackalloc ulong[16];
        before.CopyTo(after);
        ulong hostFlags = flags;
        _host.Run(code.ToArray(), after, ref hostFlags);

        ulong mask = DefinedFlags & ~Undefined(instructions, before);
        for (int i = 0; i < 16; i++)
        {
            if (after[i] != state[i])
                Assert.Fail($"{Describe(instructions, exit)}: register {i}: host {after[i]:x} interpreter {state[i]:x}, before {before[i]:x}, flags {flags:x}, rcx {before[1]:x}");
        }
        if (((hostFlags ^ state.Rflags) & mask) != 0)
        {
            Assert.Fail($"{Describe(instructions, exit)}: flags: host {hostFlags & mask:x} interpreter {state.Rflags & mask:x}, before {flags:x}; " +
                string.Join(' ', before.ToArray().Select((v, i) => $"{i}={v:x}")));
        }
        if (!new Span<byte>(_hostData, DataSize).SequenceEqual(new Span<byte>(_guestData, DataSize)))
            Assert.Fail($"{Describe(instructions, exit)}: memory differs");
        return true;
    }

    private X86Interpreter Interpreter { get; } = new();

    private static bool PlacePointers(in Instruction x, Span<ulong> registers, ulong middle, Random random, ref ulong flags)
    {
        if (x.IsStringInstruction)
        {
            registers[6] = middle - 600 + (ulong)random.Next(64);
            registers[7] = random.Next(4) == 0 ? registers[6] + (ulong)random.Next(1, 20) : middle + 600 + (ulong)random.Next(64);
            registers[1] = (ulong)random.Next(20);
            if (random.Next(2) == 0)
                flags &= ~X86Flags.Df;
            return true;
        }
        if (x.Mnemonic == Mnemonic.Xlatb)
        {
            registers[3] = middle;
            return true;
        }
        if (x.Mnemonic is Mnemonic.Leave or Mnemonic.Enter)
        {
            registers[5] = middle + (ulong)random.Next(64);
            return true;
        }
        if (!HasMemory(in x))
            return true;
        int index = x.MemoryIndex == Register.None ? -1 : x.MemoryIndex - Register.RAX;
        int @base = x.MemoryBase - Register.RAX;
        if (index == @base)
            return false;
        if (index >= 0)
            registers[index] = (ulong)random.Next(64);
        if (x.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && x.Op1Kind == OpKind.Register)
        {
            int bit = x.Op1Register.GetFullRegister() - Register.RAX;
            if (bit == @base || bit == index)
                return false;
            registers[bit] = (ulong)(long)random.Next(-2000, 2000);
        }

        // Half of the operands are aligned, so that LOCK and CMPXCHG16B get their share.
        registers[@base] = random.Next(2) == 0 ? middle + (ulong)random.Next(512) : (middle - x.MemoryDisplacement64 - (index >= 0 ? registers[index] * (ulong)x.MemoryIndexScale : 0)) & ~15UL;
        if (random.Next(3) == 0 && x.Mnemonic is Mnemonic.Cmpxchg8b or Mnemonic.Cmpxchg16b)
            registers[@base] = middle - x.MemoryDisplacement64 - (index >= 0 ? registers[index] * (ulong)x.MemoryIndexScale : 0);
        return true;
    }

    /// <summary>SHLD and SHRD of 16 bits have no defined result for counts beyond 16.</summary>
    private static bool IsBeyondDefinition(in Instruction x, ulong rcx)
    {
        if (x.Mnemonic is not (Mnemonic.Shld or Mnemonic.Shrd) || x.Op1Register.GetSize() != 2)
            return false;
        return ((x.Op2Kind == OpKind.Register ? rcx : x.Immediate8) & 31) > 16;
    }

    private static ulong Undefined(Instruction[] instructions, Span<ulong> before)
    {
        RflagsBits bits = RflagsBits.None;
        ulong mask = 0;
        foreach (Instruction x in instructions)
        {
            bits |= x.RflagsUndefined;
            mask |= UndefinedByCount(in x, before[1]);
        }
        mask |= (bits & RflagsBits.OF) != 0 ? X86Flags.Of : 0;
        mask |= (bits & RflagsBits.SF) != 0 ? X86Flags.Sf : 0;
        mask |= (bits & RflagsBits.ZF) != 0 ? X86Flags.Zf : 0;
        mask |= (bits & RflagsBits.AF) != 0 ? X86Flags.Af : 0;
        mask |= (bits & RflagsBits.CF) != 0 ? X86Flags.Cf : 0;
        mask |= (bits & RflagsBits.PF) != 0 ? X86Flags.Pf : 0;
        return mask;
    }

    /// <summary>What depends on the count of a shift: OF unless it is one, CF of a shift beyond the operand.</summary>
    private static ulong UndefinedByCount(in Instruction x, ulong rcx)
    {
        bool shift = x.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Shld or Mnemonic.Shrd;
        bool rotate = x.Mnemonic is Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr;
        if (!shift && !rotate)
            return 0;
        int bits = 8 * (x.Op0Kind == OpKind.Memory ? x.MemorySize.GetSize() : x.Op0Register.GetSize());
        int last = x.OpCount - 1;
        int count = (int)(x.GetOpKind(last) == OpKind.Register ? rcx : x.GetImmediate(last)) & (bits == 64 ? 63 : 31);
        if (count == 0)
            return 0;
        ulong mask = count == 1 ? 0 : X86Flags.Of;
        if (shift)
            mask |= X86Flags.Af;
        if (shift && count >= bits)
            mask |= X86Flags.Cf;
        return mask;
    }

    private static string Describe(Instruction[] instructions, X86ExitKind exit) => string.Join("; ", instructions.Select(i => i.ToString())) + " (" + exit + ")";

    private sealed class ListWriter : CodeWriter
    {
        public List<byte> Bytes { get; } = [];

        public override void WriteByte(byte value) => Bytes.Add(value);
    }
}
